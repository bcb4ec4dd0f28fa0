"""k6: the summary (`--summary-export`, or `handleSummary` as JSON) and every sample (`--out json`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from loadtest.errors import ConfigurationError
from loadtest.importing.numbers import MOST_LATENCY_MS, moment, number, optional
from loadtest.importing.parsed import Names, ParsedRun, Requests, Totals, unique
from loadtest.importing.source import json_lines

DURATION, COUNT, FAILED = "http_req_duration", "http_reqs", "http_req_failed"
ALL = "all requests"
_TAGGED = re.compile(rf"^{DURATION}\{{(?P<tags>.*)\}}$")
_STATISTICS = {
    "mean_ms": "avg", "min_ms": "min", "p50_ms": "med", "p90_ms": "p(90)", "p95_ms": "p(95)", "p99_ms": "p(99)",
    "p999_ms": "p(99.9)", "max_ms": "max",
}  # fmt: skip


def is_summary(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("metrics"), dict) and DURATION in data["metrics"]


def read_summary(path: Path, data: dict[str, Any]) -> ParsedRun:
    metrics = {name: _values(metric) for name, metric in data["metrics"].items()}
    requests = metrics.get(COUNT, {}).get("count")
    if requests is None:
        raise ConfigurationError(f"{path} has no count of {COUNT}; nothing was imported.")
    total = _totals(str(path), ALL, requests, metrics.get(FAILED, {}), metrics[DURATION])
    names, rows = Names(), []
    for name, values in metrics.items():
        tags = _tags(name)
        if tags is None or not tags.keys() & {"name", "url"}:
            continue
        inside = name.removeprefix(DURATION)
        known = metrics.get(COUNT + inside, {}).get("count")
        if known is None:
            continue  # a threshold on the duration alone: nobody knows of how many requests
        endpoint = names(tags.get("method", ""), tags.get("name") or tags["url"])
        rows.append(_totals(f"{path}: {name}", endpoint, known, metrics.get(FAILED + inside, {}), values))
    state = data.get("state")
    lasted = state.get("testRunDurationMs") if isinstance(state, dict) else None
    rate = optional(metrics[COUNT].get("rate"))
    duration_s = number(lasted, f"{path}: testRunDurationMs", least=0, most=1e10) / 1000 if lasted is not None else None
    if duration_s is None and rate:
        duration_s = total.n / max(number(rate, f"{path}: rate", least=0, most=1e9), 1e-9)
    most = optional(metrics.get("vus_max", {}).get("max", metrics.get("vus_max", {}).get("value")))
    users = int(number(most, f"{path}: vus_max", least=0, most=10**7)) if most is not None else None
    notes: tuple[str, ...] = ("k6's latencies include failed requests.",)
    if not rows:
        notes += ("The summary has no counts by endpoint, so all requests stand as one.",)
    return ParsedRun("k6", unique(rows or [total], str(path)), total, duration_s=duration_s, users=users, notes=notes)


def _values(metric: Any) -> dict[str, Any]:
    if not isinstance(metric, dict):
        return {}
    values = metric.get("values", metric)
    return values if isinstance(values, dict) else {}


def _tags(name: str) -> dict[str, str] | None:
    found = _TAGGED.match(name)
    if found is None:
        return None
    pairs = (part.partition(":") for part in found["tags"].split(","))
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _totals(place: str, endpoint: str, requests: object, failed: dict[str, Any], values: dict[str, Any]) -> Totals:
    rate = optional(failed.get("rate", failed.get("value")))
    n = number(requests, f"{place}: count", least=0, most=2**53)
    share = number(rate, f"{place}: rate of failures", least=0, most=1) if rate is not None else 0.0
    return Totals.of(
        place, endpoint, n, round(n * share), **{name: optional(values.get(key)) for name, key in _STATISTICS.items()}
    )


def read_samples(path: Path) -> ParsedRun:
    """Points of `http_req_duration`; their time is the end of the request."""
    names, requests, users = Names(), Requests(), 0
    for place, item in json_lines(path):
        if not isinstance(item, dict):
            raise ConfigurationError(f"{place} is no sample of k6; nothing was imported.")
        data = item.get("data")
        if item.get("type") != "Point" or not isinstance(data, dict):
            continue
        if item.get("metric") == "vus":
            users = int(number(data.get("value"), f"{place}: vus", least=0, most=10**7))
        if item.get("metric") != DURATION:
            continue
        tags = data.get("tags")
        tags = tags if isinstance(tags, dict) else {}
        latency_ms = number(data.get("value"), f"{place}: value", least=0, most=MOST_LATENCY_MS)
        status = str(tags.get("status", ""))
        url = str(tags["url"]) if "url" in tags else None
        requests.add(
            moment(data.get("time"), f"{place}: time") - latency_ms / 1000,
            latency_ms,
            names(str(tags.get("method", "")), str(tags.get("name") or url or ""), url),
            _cause(tags, status),
            status=int(status) if status.isdecimal() and len(status) < 5 else 0,
            users=users,
        )
    if not len(requests):
        raise ConfigurationError(f"{path} has no points of {DURATION}; nothing was imported.")
    return ParsedRun("k6", requests=requests, notes=("The whole time counts as steady: k6's files do not tell ramp from load.",))


def _cause(tags: dict[str, Any], status: str) -> str:
    expected = str(tags.get("expected_response", "")).lower()
    good = expected == "true" if expected else status.isdecimal() and 0 < int(status[:5]) < 400
    return "" if good else (str(tags.get("error") or "") or f"HTTP {status or 0}")[:200]
