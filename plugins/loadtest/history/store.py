"""Writing entries into the tables and turning rows back into records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from loadtest.gate.records.findings import Finding
from loadtest.history.models import HistoryStatus, MetricRow, RunEntry, RunRow
from loadtest.history.tables import Run, RunFinding, RunMetric
from loadtest.history.text import clean, clean_name, endpoint_key, small_int

_NAMES = ("run_id", "scenario", "environment", "profile", "digest", "commit", "confirms")
_SHORT = ("evidence", "trigger_kind")


def upsert(session: Session, entry: RunEntry) -> None:
    """Write one run with all its metrics and findings, in place of what was there: twice is the same as once."""
    columns = _run_columns(entry)
    existing = session.scalar(select(Run.status).where(Run.run_id == columns["run_id"]))
    if existing == HistoryStatus.JUDGED and entry.run.status is HistoryStatus.NOT_RUN:
        return  # a refused second request under the same id does not unmake the first one's verdict
    _upsert_run(session, columns)
    run_id = columns["run_id"]
    session.execute(delete(RunMetric).where(RunMetric.run_id == run_id))
    session.execute(delete(RunFinding).where(RunFinding.run_id == run_id))
    metrics = {(row["endpoint"], row["metric"]): row for row in (_metric_columns(run_id, row) for row in entry.metrics)}
    if metrics:
        session.execute(insert(RunMetric), list(metrics.values()))
    findings = [_finding_columns(run_id, position, finding) for position, finding in enumerate(entry.findings)]
    if findings:
        session.execute(insert(RunFinding), findings)


def _upsert_run(session: Session, columns: dict[str, Any]) -> None:
    """Insert or update; the row lock also makes two writers of the same run take turns."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(Run).values(**columns)
    changes = {name: value for name, value in columns.items() if name != "run_id"}
    session.execute(statement.on_conflict_do_update(index_elements=[Run.run_id], set_=changes))


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


def _metric_columns(run_id: str, row: MetricRow) -> dict[str, Any]:
    return row.model_dump() | {"run_id": run_id, "endpoint": endpoint_key(row.endpoint)}


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
