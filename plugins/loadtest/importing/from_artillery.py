"""Artillery's JSON report (`artillery run --output`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loadtest.errors import ConfigurationError
from loadtest.importing.numbers import moment, number, optional
from loadtest.importing.parsed import Names, ParsedRun, Totals, unique

ALL = "all requests"
RESPONSE_TIME = "http.response_time"
BY_ENDPOINT = "plugins.metrics-by-endpoint."
_STATISTICS = {
    "mean_ms": "mean", "min_ms": "min", "p50_ms": "p50", "p90_ms": "p90", "p95_ms": "p95", "p99_ms": "p99", "p999_ms": "p999",
    "max_ms": "max",
}  # fmt: skip


def is_report(data: Any) -> bool:
    aggregate = data.get("aggregate") if isinstance(data, dict) else None
    return isinstance(aggregate, dict) and all(isinstance(aggregate.get(key), dict) for key in ("counters", "summaries"))


def read_report(path: Path, data: dict[str, Any]) -> ParsedRun:
    aggregate = data["aggregate"]
    counters, summaries = aggregate["counters"], aggregate["summaries"]
    if not isinstance(summaries.get(RESPONSE_TIME), dict):
        raise ConfigurationError(f"{path} has no {RESPONSE_TIME}, so no HTTP request was answered; nothing was imported.")
    requests = counters.get("http.requests", summaries[RESPONSE_TIME].get("count"))
    total = _totals(str(path), ALL, requests, _failed(counters, "http.codes.", "errors."), summaries[RESPONSE_TIME])
    names, rows = Names(), []
    for key, values in summaries.items():
        start = f"{BY_ENDPOINT}response_time."
        if not key.startswith(start) or not isinstance(values, dict):
            continue
        name = key.removeprefix(start)
        own = f"{BY_ENDPOINT}{name}."
        rows.append(
            _totals(f"{path}: {name[:80]}", names("", name), values.get("count"), _failed(counters, f"{own}codes.", None), values)
        )
    first, last = (aggregate.get(key) for key in ("firstMetricAt", "lastMetricAt"))
    started_s = moment(first, f"{path}: firstMetricAt") if first else None
    ended_s = moment(last, f"{path}: lastMetricAt") if last else None
    notes: tuple[str, ...] = ("Artillery's latencies include failed requests, until the first byte of the answer.",)
    if not rows:
        notes += ("The report has no endpoints (plugin metrics-by-endpoint), so all requests stand as one.",)
    duration_s = max(ended_s - started_s, 0.0) if started_s and ended_s else None
    return ParsedRun(
        "Artillery", unique(rows or [total], str(path)), total, started_s=started_s, duration_s=duration_s, notes=notes
    )


def _failed(counters: dict[str, Any], codes: str, errors: str | None) -> int:
    """Answers of 400 and more, and requests that ended in an error."""
    count = 0
    for name, value in counters.items():
        code = name.removeprefix(codes)
        is_failure = name.startswith(codes) and code.isdecimal() and int(code) >= 400
        if is_failure or (errors and name.startswith(errors)):
            count += int(number(value, f"counter {name[:80]}", least=0, most=2**53))
    return count


def _totals(place: str, endpoint: str, n: object, failed: int, values: dict[str, Any]) -> Totals:
    requests = int(number(n, f"{place}: number of requests", least=0, most=2**53))
    found = {name: optional(values.get(key)) for name, key in _STATISTICS.items()}
    return Totals.of(place, endpoint, requests, min(failed, requests), **found)
