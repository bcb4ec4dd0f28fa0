"""Which tool wrote a file, by its content alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtest.errors import ConfigurationError
from loadtest.importing import from_artillery, from_gatling, from_jmeter, from_k6, from_locust, from_taurus
from loadtest.importing.parsed import ParsedRun
from loadtest.importing.source import beginning, columns_of, whole_json
from loadtest.importing.targets import is_targets, read_targets

KNOWN = (
    "Locust's _stats.csv and _stats_history.csv, JMeter's JTL (CSV or XML), k6's summary and its samples (JSON), Gatling's "
    "stats.json, Artillery's report, Taurus' final stats (CSV or XML), and a JSON of endpoints with their p95"
)
_HEADLESS_JTL = re.compile(r"^\d{12,13}[,;\t]\d+[,;\t]")


def read_file(path: Path) -> ParsedRun | dict[str, float]:
    """A run, or targets (endpoint -> p95 in ms). Raises ConfigurationError for what nobody here can read."""
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder; give files.")
    text = beginning(path)
    start = text.lstrip()[:1]
    if not start:
        raise ConfigurationError(f"{path} is empty; nothing was imported.")
    if start == "<":
        found: ParsedRun | dict[str, float] = _xml(path, text)
    elif start in "{[":
        found = _json(path, text)
    else:
        found = _csv(path, text)
    return replace(found, files=(path.name,)) if isinstance(found, ParsedRun) else found


def _csv(path: Path, text: str) -> ParsedRun:
    columns = set(columns_of(text))
    if columns >= from_locust.HISTORY:
        return from_locust.read_history(path)
    if columns >= from_locust.STATS:
        return from_locust.read_stats(path)
    if columns >= from_jmeter.NEEDED:
        return from_jmeter.read_csv(path)
    if columns >= from_taurus.COLUMNS:
        return from_taurus.read_csv(path)
    if _HEADLESS_JTL.match(text):
        return from_jmeter.read_headless(path)
    raise _unknown(path)


def _xml(path: Path, text: str) -> ParsedRun:
    # a document type may stand before the root; it is refused where the file is read
    if "<testResults" in text:
        return from_jmeter.read_xml(path)
    if "<FinalStatus" in text:
        return from_taurus.read_xml(path)
    raise _unknown(path)


def _json(path: Path, text: str) -> ParsedRun | dict[str, float]:
    first = text.lstrip().splitlines()[0]
    if re.match(r'\{\s*"(?:type|metric)"\s*:', first) and '"data"' in first:
        return from_k6.read_samples(path)
    data: Any = whole_json(path)
    if from_k6.is_summary(data):
        return from_k6.read_summary(path, data)
    if from_artillery.is_report(data):
        return from_artillery.read_report(path, data)
    if from_gatling.is_stats(data):
        return from_gatling.read_stats(path, data)
    if is_targets(data):
        return read_targets(path, data)
    raise _unknown(path)


def _unknown(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path} is of no kind that can be imported; known are {KNOWN}.")
