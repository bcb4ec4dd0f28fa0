"""Which regressions are open: the last word on an endpoint was "fail", and nobody has accepted or dismissed it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from loadtest.history.acknowledgements import acknowledgement_of, concerns, covers, mutes_in_force
from loadtest.history.database import reading
from loadtest.history.models import REGRESSION_CRITERIA, Acknowledgement, AcknowledgementKind, OpenRegression
from loadtest.history.tables import AcknowledgementRow, Run, RunFinding
from loadtest.vocabulary import Criterion, Outcome

_FAIL = Outcome.FAIL.value
# Inconclusive says nothing about recovery, and an invalid run says nothing at all.
_WORDS = (Outcome.PASS.value, Outcome.WARN.value, _FAIL)


def open_regressions(
    scenario: str | None = None,
    environment: str | None = None,
    profile: str | None = None,
    *,
    database_url: str | None = None,
) -> list[OpenRegression]:
    """Open regressions, newest first. One closes when the endpoint is judged and no longer fails, when a run at or after
    its last failure is accepted (`loadtest accept`), or when each of its failures was called a false alarm."""
    of_series = [
        column == value
        for column, value in ((Run.scenario, scenario), (Run.environment, environment), (Run.profile, profile))
        if value is not None
    ]
    with reading(database_url) as session:
        spoken = _spoken(session, of_series)
        mutes = mutes_in_force(session, datetime.now(UTC))
        found = [_open(session, key, spoken, mutes) for key in _suspicious_keys(session, of_series)]
    return sorted((item for item in found if item), key=lambda item: item.last_at, reverse=True)


Key = tuple[str, str, str, str, str | None]  # scenario, environment, profile, criterion, endpoint
Spoken = tuple[Acknowledgement, datetime]  # what was said, and when the run it is about started


def _suspicious_keys(session: Session, of_series: Sequence[ColumnElement[bool]]) -> list[Key]:
    """Keys whose last failure is not followed by a better word: found in the database, so that years of runs stay there."""
    last_failure = func.max(case((RunFinding.outcome == _FAIL, Run.started_at)))
    last_better = func.max(case((RunFinding.outcome != _FAIL, Run.started_at)))
    key = (Run.scenario, Run.environment, Run.profile, RunFinding.criterion, RunFinding.endpoint)
    statement = (
        select(*key)
        .join(RunFinding, RunFinding.run_id == Run.run_id)
        .where(*of_series, *_counted())
        .group_by(*key)
        .having(last_failure.is_not(None))
    )
    # A false alarm may hide the last failure, so such keys are looked at run by run as well.
    dismissed = select(AcknowledgementRow.id).where(AcknowledgementRow.kind == AcknowledgementKind.FALSE_ALARM.value).exists()
    if not session.scalar(select(dismissed)):
        statement = statement.having((last_better.is_(None)) | (last_failure >= last_better))
    return [(row[0], row[1], row[2], row[3], row[4]) for row in session.execute(statement)]


def _open(session: Session, key: Key, spoken: list[Spoken], mutes: list[Acknowledgement]) -> OpenRegression | None:
    scenario, environment, profile, criterion, endpoint = key
    same_endpoint = RunFinding.endpoint.is_(None) if endpoint is None else RunFinding.endpoint == endpoint
    statement = (
        select(Run.run_id, Run.started_at, RunFinding.outcome, RunFinding.metric, RunFinding.sentence)
        .join(RunFinding, RunFinding.run_id == Run.run_id)
        .where(
            Run.scenario == scenario,
            Run.environment == environment,
            Run.profile == profile,
            RunFinding.criterion == criterion,
            same_endpoint,
            *_counted(),
        )
        # Within a run the failure comes last, so that a second metric that passes does not hide it.
        .order_by(Run.started_at, Run.run_id, case((RunFinding.outcome == _FAIL, 1), else_=0))
    )
    about = [(item, at) for item, at in spoken if item.endpoint is None or item.endpoint == endpoint]
    dismissed = {item.run_id for item, _ in about if item.kind is AcknowledgementKind.FALSE_ALARM}
    # The accepted run need not have failed itself: whatever was open up to it is closed.
    accepted = [
        at
        for item, at in about
        if item.kind is AcknowledgementKind.ACCEPT and (item.scenario, item.environment, item.profile) == key[:3]
    ]
    last_word = {row.run_id: row for row in session.execute(statement)}
    runs: list[Any] = []
    for run_id, row in last_word.items():
        if run_id in dismissed:
            continue
        is_open = row.outcome == _FAIL and not any(row.started_at <= at for at in accepted)
        runs = [*runs, row] if is_open else []
    if not runs:
        return None
    first, last = runs[0], runs[-1]
    return OpenRegression(
        scenario=scenario,
        environment=environment,
        profile=profile,
        criterion=Criterion(criterion),
        endpoint=endpoint,
        metric=last.metric,
        since_run_id=first.run_id,
        since=first.started_at,
        last_run_id=last.run_id,
        last_at=last.started_at,
        runs=tuple(row.run_id for row in runs),
        sentence=last.sentence,
        muted=any(covers(item, endpoint, last.metric) for item in mutes if concerns(item, scenario, environment, profile)),
    )


def _spoken(session: Session, of_series: Sequence[ColumnElement[bool]]) -> list[Spoken]:
    statement = (
        select(AcknowledgementRow, Run.started_at)
        .join(Run, Run.run_id == AcknowledgementRow.run_id)
        .where(
            *of_series,
            AcknowledgementRow.kind.in_([AcknowledgementKind.ACCEPT.value, AcknowledgementKind.FALSE_ALARM.value]),
            AcknowledgementRow.withdrawn_at.is_(None),
        )
    )
    return [(acknowledgement_of(row), started_at) for row, started_at in session.execute(statement)]


def _counted() -> list[ColumnElement[bool]]:
    return [
        Run.confirms.is_(None),
        Run.outcome != Outcome.INVALID.value,
        RunFinding.muted.is_(False),
        RunFinding.outcome.in_(_WORDS),
        RunFinding.criterion.in_([criterion.value for criterion in REGRESSION_CRITERIA]),
    ]
