"""Taurus' final statistics (module `final-stats`, dump-csv and dump-xml). Times there are seconds."""

from __future__ import annotations

from pathlib import Path

from loadtest.importing.numbers import number, optional
from loadtest.importing.parsed import Names, ParsedRun, Totals, unique
from loadtest.importing.source import elements, table

COLUMNS = {"label", "succ", "fail", "avg_rt", "perc_50.0", "perc_95.0"}
ALL = "all requests"
NOTE = "Taurus' latencies include failed requests."
_TIMES = {
    "mean_ms": "avg_rt", "min_ms": "perc_0.0", "p50_ms": "perc_50.0", "p90_ms": "perc_90.0", "p95_ms": "perc_95.0",
    "p99_ms": "perc_99.0", "p999_ms": "perc_99.9", "max_ms": "perc_100.0",
}  # fmt: skip


def read_csv(path: Path) -> ParsedRun:
    return _run(path, list(table(path)), None)


def read_xml(path: Path) -> ParsedRun:
    rows, duration_s = [], None
    for place, element in elements(path, "FinalStatus", ("Group", "TestDuration")):
        if element.tag == "TestDuration":
            duration_s = number(element.text, f"{place}", least=0, most=1e8)
            continue
        row = {"label": element.get("label") or ""}
        for part in element:
            parameter = part.get("param")
            row[f"{part.tag}_{parameter}" if parameter else part.tag] = part.get("value") or ""
        rows.append((place, row))
    return _run(path, rows, duration_s)


def _run(path: Path, rows: list[tuple[str, dict[str, str]]], duration_s: float | None) -> ParsedRun:
    names, found, total, users = Names(), [], None, 0
    for place, row in rows:
        succeeded, failed = (number(row.get(name), f"{place}: {name}", least=0, most=2**53) for name in ("succ", "fail"))
        n = succeeded + failed
        users = max(users, int(number(row.get("concurrency") or 0, f"{place}: concurrency", least=0, most=10**7)))
        values = {}
        for name, column in _TIMES.items():
            value = optional(row.get(column))
            if value is not None:
                values[name] = number(value, f"{place}: {column}", least=0, most=4_000) * 1000
        if (size := optional(row.get("bytes"))) is not None and n:
            values["mean_bytes"] = number(size, f"{place}: bytes", least=0, most=2**60) / n
        if row["label"] in ("", "ALL"):
            total = Totals.of(place, ALL, n, failed, **values)
        else:
            found.append(Totals.of(place, names("", row["label"]), n, failed, **values))
    totals = unique((row for row in found or ([total] if total else []) if row.n), str(path))
    return ParsedRun("Taurus", totals, total, duration_s=duration_s, users=users or None, notes=(NOTE,))
