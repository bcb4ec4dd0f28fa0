"""Locust's `_stats.csv` and `_stats_history.csv` (`locust --csv`)."""

from __future__ import annotations

from pathlib import Path

from loadtest.errors import ConfigurationError
from loadtest.importing.numbers import moment, number, optional
from loadtest.importing.parsed import Names, ParsedRun, Totals, unique
from loadtest.importing.source import table

STATS = {"Type", "Name", "Request Count", "Failure Count", "50%", "95%"}
HISTORY = {"Timestamp", "User Count", "Type", "Name", "Total Request Count", "Total Failure Count"}
ALL = "Aggregated"
NOTE = "Locust's latencies include failed requests, and have two significant digits above 100 ms."
_PERCENTILES = {"p50_ms": "50%", "p90_ms": "90%", "p95_ms": "95%", "p99_ms": "99%", "p999_ms": "99.9%"}
_MEANS = {
    "mean_ms": "Average Response Time",
    "min_ms": "Min Response Time",
    "max_ms": "Max Response Time",
    "mean_bytes": "Average Content Size",
}


def read_stats(path: Path) -> ParsedRun:
    names, rows, total = Names(), [], None
    for place, row in table(path):
        values = {name: optional(row.get(column)) for name, column in (_PERCENTILES | _MEANS).items()}
        counts = (row["Request Count"], row["Failure Count"])
        if row["Name"] == ALL and not row["Type"]:
            total = Totals.of(place, ALL, *counts, **values)
            per_second = number(row.get("Requests/s") or 0, f"{place}: Requests/s", least=0, most=1e9)
        else:
            rows.append(Totals.of(place, names(row["Type"], row["Name"]), *counts, **values))
    found = unique((row for row in rows if row.n), str(path))
    duration_s = total.n / per_second if total and per_second else None
    return ParsedRun("Locust", found, total, duration_s=duration_s, notes=(NOTE,))


def read_history(path: Path) -> ParsedRun:
    """Totals at the end; percentiles there are of the last seconds only, so they are left out, save the median of all."""
    names, last, times, users = Names(), {}, [], 0
    for place, row in table(path):
        times.append(moment(row["Timestamp"], f"{place}: Timestamp"))
        users = max(users, int(number(row["User Count"], f"{place}: User Count", least=0, most=10**7)))
        last[row["Type"], row["Name"]] = (place, row)
    if not times:
        raise ConfigurationError(f"{path} has no rows; nothing was imported.")
    rows, total = [], None
    for (kind, name), (place, row) in last.items():
        values = {"p50_ms": optional(row.get("Total Median Response Time"))}
        values |= {known: optional(row.get(f"Total {column}")) for known, column in _MEANS.items()}
        counts = (row["Total Request Count"], row["Total Failure Count"])
        if name == ALL and not kind:
            total = Totals.of(place, ALL, *counts, **values)
        else:
            rows.append(Totals.of(place, names(kind, name), *counts, **values))
    if not rows and total is not None:
        rows = [total]
    found = unique((row for row in rows if row.n), str(path))
    return ParsedRun(
        "Locust", found, total, started_s=min(times), duration_s=max(times) - min(times), users=users,
        notes=(NOTE, "The history alone has no percentiles of the whole run; import the _stats.csv beside it."),
    )  # fmt: skip


def joined(stats: ParsedRun, history: ParsedRun) -> ParsedRun:
    """Numbers from the one, times and users from the other."""
    return ParsedRun(
        "Locust", stats.totals, stats.total, started_s=history.started_s, duration_s=history.duration_s, users=history.users,
        notes=(NOTE,),
    )  # fmt: skip
