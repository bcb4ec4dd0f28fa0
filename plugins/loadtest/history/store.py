"""Writing entries into the tables and turning rows back into records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from loadtest.gate.records.findings import Finding
from loadtest.history.models import HistoryStatus, MetricRow, RunEntry, RunRow
from loadtest.history.tables import Run, RunFinding, RunMetric
from loadtest.history.text import clean, clean_name, endpoint_key, small_int

_NAMES = ("run_id", "scenario", "environment", "profile", "digest", "commit", "confirms")
_SHORT = ("evidence", "trigger_kind")


def upsert(session: Session, *entries: RunEntry) -> None:
    """Write runs with all their metrics and findings, in place of what was there: twice is the same as once."""
    rows = {id(entry): _run_columns(entry) for entry in entries}
    there = select(Run.run_id, Run.status).where(Run.run_id.in_([row["run_id"] for row in rows.values()]))
    statuses = {row.run_id: row.status for row in session.execute(there)}
    newest: dict[str, RunEntry] = {}
    for entry in entries:
        run_id = rows[id(entry)]["run_id"]
        if statuses.get(run_id) == HistoryStatus.JUDGED and entry.run.status is HistoryStatus.NOT_RUN:
            continue  # a refused second request under the same id does not unmake the first one's verdict
        newest[run_id], statuses[run_id] = entry, entry.run.status
    if not newest:
        return
    connection = session.connection()
    _upsert_runs(connection, [rows[id(entry)] for entry in newest.values()])
    _replace(connection, RunMetric, {run_id: _metrics_columns(run_id, entry) for run_id, entry in newest.items()})
    _replace(connection, RunFinding, {run_id: _findings_columns(run_id, entry) for run_id, entry in newest.items()})


def _upsert_runs(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Insert or update; the row lock also makes two writers of the same run take turns."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(Run)
    changes = {name: statement.excluded[name] for name in rows[0] if name != "run_id"}
    connection.execute(statement.on_conflict_do_update(index_elements=[Run.run_id], set_=changes), rows)


def _replace(connection: Connection, table: type[RunMetric | RunFinding], rows: dict[str, list[dict[str, Any]]]) -> None:
    """The rows of these runs, by run id, in place of those that were there."""
    connection.execute(delete(table).where(table.run_id.in_(rows)))
    if new := [row for of_run in rows.values() for row in of_run]:
        connection.execute(insert(table), new)


def _run_columns(entry: RunEntry) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in entry.run.model_dump().items():
        if value is not None and name in _NAMES:
            value = clean_name(value)
        elif value is not None and name in _SHORT:
            value = clean(value)[:20]
        elif name in ("users", "pull_request", "baseline_version"):
            value = small_int(value)
        elif isinstance(value, str):
            value = clean(str(value))
        columns[name] = value
    columns["summary"] = clean(entry.summary) if entry.summary else None
    columns["recorded_at"] = datetime.now(UTC)
    return columns


def _metrics_columns(run_id: str, entry: RunEntry) -> list[dict[str, Any]]:
    """One row a metric of an endpoint, the last where there are several."""
    keys = {name: endpoint_key(name) for name in {row.endpoint for row in entry.metrics}}
    rows = (
        {
            "run_id": run_id,
            "endpoint": keys[row.endpoint],
            "metric": row.metric,
            "value": row.value,
            "n": row.n,
            "variance": row.variance,
        }
        for row in entry.metrics
    )
    return list({(row["endpoint"], row["metric"]): row for row in rows}.values())


def _findings_columns(run_id: str, entry: RunEntry) -> list[dict[str, Any]]:
    return [_finding_columns(run_id, position, finding) for position, finding in enumerate(entry.findings)]


def _finding_columns(run_id: str, position: int, finding: Finding) -> dict[str, Any]:
    low, high = finding.interval or (None, None)
    return {
        "run_id": run_id,
        "position": position,
        "criterion": finding.criterion.value,
        "outcome": finding.outcome.value,
        "endpoint": None if finding.endpoint is None else endpoint_key(finding.endpoint),
        "metric": None if finding.metric is None else clean(finding.metric)[:60],
        "observed": finding.observed,
        "reference": finding.reference,
        "effect": finding.effect,
        "interval_low": low,
        "interval_high": high,
        "p_adjusted": finding.p_adjusted,
        "n": finding.n,
        "suspect": finding.suspect,
        "muted": finding.muted,
        "mute_reason": clean(finding.mute_reason),
        "sentence": clean(finding.sentence),
        "evidence": json.dumps(finding.evidence),
    }


def run_row(row: Run) -> RunRow:
    return RunRow(**{name: getattr(row, name) for name in RunRow.model_fields})


def metric_row(row: RunMetric) -> MetricRow:
    return MetricRow(endpoint=row.endpoint, metric=row.metric, value=row.value, n=row.n, variance=row.variance)


def finding_of(row: RunFinding) -> Finding:
    interval = None if row.interval_low is None or row.interval_high is None else (row.interval_low, row.interval_high)
    plain = ("criterion", "outcome", "endpoint", "metric", "observed", "reference", "effect", "p_adjusted", "n")
    flags = ("suspect", "muted", "mute_reason", "sentence")
    return Finding(**{name: getattr(row, name) for name in plain + flags}, interval=interval, evidence=json.loads(row.evidence))
