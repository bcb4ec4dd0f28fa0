"""Gatling's `js/stats.json` and `js/global_stats.json` of its report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtest.importing.numbers import number, optional
from loadtest.importing.parsed import Names, ParsedRun, Totals, unique

ALL = "all requests"
MOST_DEPTH = 30
_STATISTICS = {
    "mean_ms": "meanResponseTime", "min_ms": "minResponseTime", "max_ms": "maxResponseTime", "p50_ms": "percentiles1",
    "p95_ms": "percentiles3", "p99_ms": "percentiles4",
}  # fmt: skip
NOTES = ("Percentiles are Gatling's usual four (50, 75, 95, 99); a gatling.conf that sets others makes p50, p95 and p99 wrong.",)


def is_stats(data: Any) -> bool:
    """Of one file or the other."""
    found = data.get("stats", data) if isinstance(data, dict) else None
    return isinstance(found, dict) and {"numberOfRequests", "meanResponseTime", "percentiles1"} <= found.keys()


def read_stats(path: Path, data: dict[str, Any]) -> ParsedRun:
    stats = data.get("stats", data)
    total = _totals(str(path), ALL, stats)
    names = Names()
    rows = [_totals(place, names("", name), found) for place, name, found in _leaves(data.get("contents"), str(path), MOST_DEPTH)]
    rate = optional(_part(stats.get("meanNumberOfRequestsPerSecond"), "total"))
    per_second = number(rate, f"{path}: meanNumberOfRequestsPerSecond", least=0, most=1e9) if rate is not None else 0.0
    duration_s = total.n / per_second if per_second else None
    return ParsedRun(
        "Gatling", unique((row for row in rows or [total] if row.n), str(path)), total, duration_s=duration_s, notes=NOTES
    )


def _leaves(contents: Any, path: str, depth: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if not isinstance(contents, dict) or not depth:
        return
    for item in contents.values():
        if not isinstance(item, dict):
            continue
        if item.get("type") == "REQUEST" and isinstance(item.get("stats"), dict):
            # requests of one name in two groups are two endpoints: the path has the groups
            name = str(item.get("path") or item.get("name") or "")
            yield f"{path}: {name[:80]}", name, item["stats"]
        else:
            yield from _leaves(item.get("contents"), path, depth - 1)


def _totals(place: str, endpoint: str, stats: dict[str, Any]) -> Totals:
    counts = stats.get("numberOfRequests")
    values = {name: optional(_part(stats.get(key), "ok")) for name, key in _STATISTICS.items()}
    return Totals.of(place, endpoint, _part(counts, "total"), optional(_part(counts, "ko")) or 0, **values)


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else value
