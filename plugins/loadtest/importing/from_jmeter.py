"""JMeter's JTL files, CSV and XML, every request in them; Taurus writes the same format for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from loadtest.errors import ConfigurationError
from loadtest.importing.numbers import MOST_LATENCY_MS, moment, number
from loadtest.importing.parsed import Names, ParsedRun, Requests
from loadtest.importing.source import elements, table

NEEDED = {"timeStamp", "elapsed", "label"}
# The first columns of a file without a heading, the same in all versions.
HEADLESS = ("timeStamp", "elapsed", "label", "responseCode", "responseMessage", "threadName", "dataType", "success")
TRANSACTION = "Number of samples in transaction"
_NOTE = "The whole time counts as steady: JMeter's files do not tell ramp from load."
_XML = {
    "timeStamp": "ts", "elapsed": "t", "label": "lb", "responseCode": "rc", "responseMessage": "rm", "success": "s",
    "bytes": "by", "allThreads": "na",
}  # fmt: skip


def read_csv(path: Path) -> ParsedRun:
    return _run(path, table(path))


def read_headless(path: Path) -> ParsedRun:
    return _run(path, table(path, names=HEADLESS))


def read_xml(path: Path) -> ParsedRun:
    """Samples within samples are parts of those, and are left out."""
    found = elements(path, "testResults", ("httpSample", "sample"))
    rows = (
        (place, {name: element.get(key) for name, key in _XML.items() if element.get(key) is not None})
        for place, element in found
    )
    return _run(path, rows)


def _run(path: Path, rows: Any) -> ParsedRun:
    names, requests, left_out = Names(), Requests(), 0
    for place, row in rows:
        if missing := NEEDED - row.keys():
            raise ConfigurationError(f"{place} has no {sorted(missing)[0]}; nothing was imported.")
        if (row.get("responseMessage") or "").startswith(TRANSACTION):
            left_out += 1
            continue
        requests.add(
            moment(row["timeStamp"], f"{place}: timeStamp"),
            number(row["elapsed"], f"{place}: elapsed", least=0, most=MOST_LATENCY_MS),
            names(row.get("method") or "", row["label"]),
            _cause(row),
            status=int(row["responseCode"]) if (row.get("responseCode") or "").isdecimal() else 0,
            size=_count(row.get("bytes"), f"{place}: bytes"),
            users=_count(row.get("allThreads"), f"{place}: allThreads"),
        )
    if not len(requests):
        raise ConfigurationError(f"{path} has no requests; nothing was imported.")
    told = (f"{left_out:,} transactions, sums of other requests, were left out.",) if left_out else ()
    return ParsedRun("JMeter", requests=requests, notes=(_NOTE, *told))


def _count(value: str | None, place: str) -> int:
    return int(number(value, place, least=0, most=2**53)) if value else 0


def _cause(row: dict[str, str]) -> str:
    if (row.get("success") or "true").strip().lower() == "true":
        return ""
    words = " ".join(part for part in (row.get("responseCode"), row.get("responseMessage") or row.get("failureMessage")) if part)
    return words[:200] or "failed"
