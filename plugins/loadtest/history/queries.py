"""Questions to the history that report, dashboard, trends and drift ask. Each opens the database for itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from loadtest.files import first_problem
from loadtest.gate.records.summaries import RunSummary
from loadtest.history.database import reading
from loadtest.history.models import (
    REGRESSION_CRITERIA,
    AcknowledgementKind,
    HistoryStatus,
    RunEntry,
    RunRow,
    SeriesPoint,
)
from loadtest.history.store import finding_of, metric_row, run_row
from loadtest.history.tables import AcknowledgementRow, Run, RunFinding, RunMetric
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Outcome

_log = logging.getLogger(__name__)
_POINT_FIELDS = ("value", "n", "variance", "run_id", "started_at", "commit", "branch", "digest", "host_class")
_POINT_COLUMNS = (
    RunMetric.endpoint,
    RunMetric.metric,
    Run.outcome,
    *(getattr(RunMetric, name) for name in _POINT_FIELDS[:3]),
    *(getattr(Run, name) for name in _POINT_FIELDS[3:]),
)


def recent_runs(
    scenario: str | None = None,
    environment: str | None = None,
    profile: str | None = None,
    *,
    limit: int = 20,
    since: datetime | None = None,
    before: datetime | None = None,
    outcomes: Sequence[Outcome] = (),
    branch: str | None = None,
    confirmations: bool = False,
    database_url: str | None = None,
) -> list[RunRow]:
    """The latest runs, newest first; `not_run` ones are among them, confirmation runs only when asked for."""
    statement = _of_series(select(Run), scenario, environment, profile)
    if not confirmations:
        statement = statement.where(Run.confirms.is_(None))
    if since is not None:
        statement = statement.where(Run.started_at >= since)
    if before is not None:
        statement = statement.where(Run.started_at < before)
    if outcomes:
        statement = statement.where(Run.outcome.in_([outcome.value for outcome in outcomes]))
    if branch is not None:
        statement = statement.where(Run.branch == branch)
    with reading(database_url) as session:
        rows = session.scalars(statement.order_by(Run.started_at.desc(), Run.run_id.desc()).limit(limit))
        return [run_row(row) for row in rows]


def run_entry(run_id: str, *, database_url: str | None = None) -> RunEntry | None:
    """Everything the history keeps of one run; None if it knows no such run."""
    with reading(database_url) as session:
        return entry_in(session, run_id)


def entry_in(session: Session, run_id: str) -> RunEntry | None:
    """`run_entry` within an open session."""
    run = session.get(Run, run_id)
    if run is None:
        return None
    of_run = select(RunMetric).where(RunMetric.run_id == run_id)
    metrics = session.scalars(of_run.order_by(RunMetric.endpoint, RunMetric.metric))
    findings = session.scalars(select(RunFinding).where(RunFinding.run_id == run_id).order_by(RunFinding.position))
    return RunEntry(
        run=run_row(run),
        metrics=tuple(metric_row(row) for row in metrics),
        findings=tuple(finding_of(row) for row in findings),
        summary=run.summary,
    )


def known_runs(*, database_url: str | None = None) -> set[str]:
    """The ids of all runs in the history."""
    with reading(database_url) as session:
        return set(session.scalars(select(Run.run_id)))


def runs_of_build(version: str, *, limit: int = 50, database_url: str | None = None) -> list[str]:
    """The ids of runs that measured this build (a version, or a commit's hash of at least 7 characters) and are no confirmation
    and not invalid, newest first."""
    same = Run.commit == version
    if len(version) >= 7:
        same = or_(same, Run.commit.startswith(version, autoescape=True))
    statement = select(Run.run_id).where(same, *_measured_validly()).order_by(Run.started_at.desc(), Run.run_id.desc())
    with reading(database_url) as session:
        return list(session.scalars(statement.limit(limit)))


def all_series(*, since: datetime | None = None, database_url: str | None = None) -> list[tuple[str, str, str]]:
    """Each (scenario, environment, profile) that has a run, in order of name."""
    statement = select(Run.scenario, Run.environment, Run.profile).distinct().order_by(Run.scenario, Run.environment, Run.profile)
    if since is not None:
        statement = statement.where(Run.started_at >= since)
    with reading(database_url) as session:
        return [(row[0], row[1], row[2]) for row in session.execute(statement)]


def metric_table(
    scenario: str,
    environment: str,
    profile: str,
    metrics: Sequence[str],
    *,
    digest: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    database_url: str | None = None,
) -> dict[tuple[str, str], list[SeriesPoint]]:
    """Metrics of all endpoints over time, oldest first: {(endpoint, metric): points}, of runs that measured something valid.
    Confirmation runs and runs with an artificial slowdown are left out. The endpoint "Total" is the whole run."""
    statement = (
        _of_series(select(*_POINT_COLUMNS), scenario, environment, profile)
        .join(Run, Run.run_id == RunMetric.run_id)
        .where(RunMetric.metric.in_(metrics), *_measured_validly())
    )
    if digest is not None:
        statement = statement.where(Run.digest == digest)
    if since is not None:
        statement = statement.where(Run.started_at >= since)
    if until is not None:
        statement = statement.where(Run.started_at <= until)
    statement = statement.order_by(Run.started_at, Run.run_id)
    series: dict[tuple[str, str], list[SeriesPoint]] = {}
    with reading(database_url) as session:
        for endpoint, name, outcome, *values in session.execute(statement):
            # The database holds what models validated on the way in; a second time would cost seconds for wide services.
            fields = dict(zip(_POINT_FIELDS, values, strict=True))
            point = SeriesPoint.model_construct(**fields, outcome=Outcome(outcome) if outcome else None)
            series.setdefault((endpoint, name), []).append(point)
    return series


def summaries(
    scenario: str,
    environment: str,
    profile: str,
    *,
    digest: str | None = None,
    host_class: str | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
    limit: int = 1000,
    database_url: str | None = None,
) -> list[RunSummary]:
    """The gate's summaries of accepted runs, oldest first (the newest `limit` of them). Accepted: judged, valid, no
    confirmation, no artificial slowdown, and not failed for being slower than the baseline, unless a person accepted
    that or called it a false alarm. A run that failed only by drift or by a target is a measurement like any other.

    `host_class` is a HostClass's label.
    """
    statement = _of_series(select(Run.summary), scenario, environment, profile).where(Run.summary.is_not(None), *_accepted())
    if digest is not None:
        statement = statement.where(Run.digest == digest)
    if host_class is not None:
        statement = statement.where(Run.host_class == host_class)
    if since is not None:
        statement = statement.where(Run.started_at >= since)
    if before is not None:
        statement = statement.where(Run.started_at < before)
    statement = statement.order_by(Run.started_at.desc(), Run.run_id.desc()).limit(limit)
    with reading(database_url) as session:
        texts = list(session.scalars(statement))
    return [summary for text in reversed(texts) if (summary := _summary(text)) is not None]


def drift_series(plan: Plan, *, since: datetime | None = None, database_url: str | None = None) -> list[RunSummary]:
    """Accepted runs that are comparable with `plan` (same digest and host class) since the anchor was accepted, oldest
    first, without the plan's own run: what `loadtest.gate.drift` needs. `since`: when the anchor's last run started."""
    found = summaries(
        plan.scenario.name,
        plan.environment.name,
        plan.profile.name,
        digest=plan.digest,
        host_class=plan.host_class.label,
        since=since,
        database_url=database_url,
    )
    return [summary for summary in found if summary.run_id != plan.run_id]


def counts(
    scenario: str | None = None,
    environment: str | None = None,
    profile: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    database_url: str | None = None,
) -> dict[str, int]:
    """How many runs ended how: {outcome or status: runs}, without confirmation runs."""
    label = func.coalesce(Run.outcome, Run.status)
    statement = _of_series(select(label, func.count()), scenario, environment, profile).where(Run.confirms.is_(None))
    if since is not None:
        statement = statement.where(Run.started_at >= since)
    if until is not None:
        statement = statement.where(Run.started_at <= until)
    with reading(database_url) as session:
        return {str(name): count for name, count in session.execute(statement.group_by(label))}


def _summary(text: str | None) -> RunSummary | None:
    """None, with a warning, for a summary of a version that is no longer understood: drift then does without that run."""
    try:
        return RunSummary.model_validate_json(text or "")
    except ValidationError as error:
        _log.warning("The summary of a run in the history cannot be read: %s", first_problem(error))
        return None


def _of_series(
    statement: Select[*tuple[Any, ...]], scenario: str | None, environment: str | None, profile: str | None
) -> Select[*tuple[Any, ...]]:
    for column, value in ((Run.scenario, scenario), (Run.environment, environment), (Run.profile, profile)):
        if value is not None:
            statement = statement.where(column == value)
    return statement


def _measured_validly() -> list[ColumnElement[bool]]:
    return [
        Run.status != HistoryStatus.NOT_RUN.value,
        Run.confirms.is_(None),
        or_(Run.outcome.is_(None), Run.outcome != Outcome.INVALID.value),
        Run.slowdown.is_(None),
    ]


def _accepted() -> list[ColumnElement[bool]]:
    slower = exists().where(
        RunFinding.run_id == Run.run_id,
        RunFinding.outcome == Outcome.FAIL.value,
        RunFinding.muted.is_(False),
        RunFinding.criterion.in_([criterion.value for criterion in REGRESSION_CRITERIA if criterion is not Criterion.DRIFT]),
    )
    forgiven = exists().where(
        AcknowledgementRow.run_id == Run.run_id,
        AcknowledgementRow.kind.in_([AcknowledgementKind.ACCEPT.value, AcknowledgementKind.FALSE_ALARM.value]),
        AcknowledgementRow.endpoint.is_(None),
        AcknowledgementRow.withdrawn_at.is_(None),
    )
    judged = [outcome.value for outcome in (Outcome.PASS, Outcome.WARN, Outcome.INCONCLUSIVE)]
    return [
        Run.confirms.is_(None),
        Run.slowdown.is_(None),
        or_(Run.outcome.in_(judged), and_(Run.outcome == Outcome.FAIL.value, or_(~slower, forgiven))),
    ]
