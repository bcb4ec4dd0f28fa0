"""Out of the history and into it: JSON Lines (complete, one run or acknowledgement a line) and CSV (metrics only).

CSV columns: run_id, scenario, environment, profile, started_at, endpoint, metric, value are needed; ended_at, outcome,
commit, branch, digest, host_class, users, steady_s, n, variance may be there; one row per run x endpoint x metric.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError
from sqlalchemy import select

from loadtest.errors import ConfigurationError
from loadtest.files import first_problem
from loadtest.gate.records.summaries import RunSummary
from loadtest.history.acknowledgements import acknowledgements
from loadtest.history.database import reading, writing
from loadtest.history.models import Acknowledgement, HistoryStatus, MetricRow, RunEntry, RunRow, Source
from loadtest.history.queries import entry_in
from loadtest.history.store import upsert
from loadtest.history.tables import AcknowledgementRow, Run
from loadtest.history.text import clean_name

CSV_RUN_COLUMNS = (
    "run_id", "scenario", "environment", "profile", "started_at", "ended_at", "outcome", "commit", "branch", "digest",
    "host_class", "users", "steady_s",
)  # fmt: skip
CSV_METRIC_COLUMNS = ("endpoint", "metric", "value", "n", "variance")
CSV_NEEDED = ("run_id", "scenario", "environment", "profile", "started_at", "endpoint", "metric", "value")


@dataclass
class Imported:
    """`kept`: runs that were there from their own run folder and were not replaced."""

    runs: int = 0
    kept: int = 0
    acknowledgements: int = 0


def export_json_lines(stream: TextIO, *, scenario: str | None = None, database_url: str | None = None) -> int:
    """Write everything; returns the number of runs."""
    count = 0
    for entry in _entries(scenario, database_url):
        count += 1
        stream.write(entry.model_dump_json(exclude_defaults=True) + "\n")
    for item in acknowledgements(scenario, database_url=database_url):
        stream.write(json.dumps({"acknowledgement": item.model_dump(mode="json")}) + "\n")
    return count


def export_csv(stream: TextIO, *, scenario: str | None = None, database_url: str | None = None) -> int:
    """Write the metrics of every run; returns the number of runs."""
    writer = csv.DictWriter(stream, [*CSV_RUN_COLUMNS, *CSV_METRIC_COLUMNS], lineterminator="\n")
    writer.writeheader()
    count = 0
    for entry in _entries(scenario, database_url):
        count += 1
        run = entry.run.model_dump(mode="json", include=set(CSV_RUN_COLUMNS))
        for metric in entry.metrics:
            writer.writerow(run | metric.model_dump(mode="json"))
    return count


def import_file(path: Path, *, replace: bool = False, database_url: str | None = None) -> Imported:
    """Read a `.csv`, `.json` or `.jsonl` file into the history: all of it, or with one sentence nothing of it.

    A run that the history has from its own run folder is kept as it is unless `replace`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            found = list(_csv_entries(stream, path) if path.suffix.lower() == ".csv" else _json_entries(stream, path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None
    result = Imported()
    with writing(database_url) as session:
        own = set(session.scalars(select(Run.run_id).where(Run.source == Source.RUN_FOLDER.value)))
        for item in found:
            if isinstance(item, Acknowledgement):
                session.merge(AcknowledgementRow(**item.model_dump(exclude={"schema_version", "kind"}), kind=item.kind.value))
                result.acknowledgements += 1
            elif clean_name(item.run.run_id) in own and not replace:
                result.kept += 1
            else:
                upsert(session, item)
                result.runs += 1
    return result


def _entries(scenario: str | None, database_url: str | None) -> Iterator[RunEntry]:
    """One after the other, so that years of runs need little memory."""
    statement = select(Run.run_id).order_by(Run.started_at, Run.run_id)
    if scenario is not None:
        statement = statement.where(Run.scenario == scenario)
    with reading(database_url) as session:
        for run_id in list(session.scalars(statement)):
            entry = entry_in(session, run_id)
            session.expunge_all()
            if entry:
                yield entry


def _json_entries(stream: TextIO, path: Path) -> Iterator[RunEntry | Acknowledgement]:
    for place, data in _json_items(stream, path):
        with _one_sentence(place):
            if isinstance(data, dict) and "acknowledgement" in data:
                yield Acknowledgement.model_validate(data["acknowledgement"])
            else:
                entry = RunEntry.model_validate(data)
                if entry.summary is not None:
                    RunSummary.model_validate_json(entry.summary)
                if entry.run.outcome and entry.run.status is HistoryStatus.MEASURED:
                    entry = entry.model_copy(update={"run": entry.run.model_copy(update={"status": HistoryStatus.JUDGED})})
                yield entry


def _json_items(stream: TextIO, path: Path) -> Iterator[tuple[str, Any]]:
    """The items of a JSON array, or one item per line."""
    beginning = stream.read(64).lstrip()[:1]
    stream.seek(0)
    lines: Iterable[tuple[str, str]] = ((f"{path} line {number}", line) for number, line in enumerate(stream, start=1))
    if beginning == "[":
        lines = [(str(path), "".join(line for _, line in lines))]
    for place, line in lines:
        if not line.strip():
            continue
        try:
            data = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigurationError(f"{place} is not valid JSON (column {error.colno}: {error.msg}); export it again.") from None
        if beginning == "[":
            yield from ((f"{place} item {number}", item) for number, item in enumerate(data, start=1))
        else:
            yield place, data


def _csv_entries(stream: TextIO, path: Path) -> Iterator[RunEntry]:
    reader = csv.DictReader(stream)
    missing = [name for name in CSV_NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise ConfigurationError(f"{path} has no column {missing[0]!r}; needed are {', '.join(CSV_NEEDED)}.")
    runs: dict[str, RunRow] = {}
    metrics: dict[str, list[MetricRow]] = {}
    for number, row in enumerate(reader, start=2):
        with _one_sentence(f"{path} line {number}"):
            run = RunRow(**_cells(row, CSV_RUN_COLUMNS))
            if run.outcome:
                run = run.model_copy(update={"status": HistoryStatus.JUDGED})
            if runs.setdefault(run.run_id, run) != run:
                raise ConfigurationError(f"{path} line {number} says something else of run {run.run_id!r} than a line above it.")
            metrics.setdefault(run.run_id, []).append(MetricRow(**_cells(row, CSV_METRIC_COLUMNS)))
    for run_id, run in runs.items():
        yield RunEntry(run=run, metrics=tuple(metrics[run_id]))


def _cells(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if row.get(name) not in (None, "")}


@contextmanager
def _one_sentence(place: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise ConfigurationError(f"{place}: {first_problem(error)}; nothing was imported.") from None
