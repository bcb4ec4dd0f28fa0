"""What people said about results: mute (known, do not count it until then), accept (this level is fine), false alarm.

They live in the database and, since no run folder holds them, once more as `<runs root>/_acknowledgements/<id>.json`,
from which `loadtest history rebuild` restores them.
"""

from __future__ import annotations

import difflib
import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.history.database import reading, writing
from loadtest.history.models import TOTAL, Acknowledgement, AcknowledgementKind, HistoryStatus
from loadtest.history.tables import AcknowledgementRow, Run, RunMetric
from loadtest.history.text import clean, clean_name, endpoint_key
from loadtest.planning.config import known_names, profile_names
from loadtest.planning.criteria import Mute
from loadtest.planning.mutes import require_metric
from loadtest.settings import settings
from loadtest.vocabulary import Outcome

FOLDER = "_acknowledgements"
LONGEST_MUTE = timedelta(days=366)
_log = logging.getLogger(__name__)


def mute(
    endpoint: str | None,
    *,
    reason: str,
    by: str,
    expires_at: datetime,
    metric: str | None = None,
    scenario: str | None = None,
    all_scenarios: bool = False,
    environment: str | None = None,
    profile: str | None = None,
    database_url: str | None = None,
) -> Acknowledgement:
    """A known matter: findings about `endpoint` (None: all) and `metric` (None: all) are shown but not counted until
    `expires_at`. It holds for one scenario, or for every one where `all_scenarios` says so. Errors: ConfigurationError for a
    past or too distant date, an unclear scope, an unknown name (with what is meant, if that is clear), no reason."""
    now = datetime.now(UTC)
    if not now < expires_at <= now + LONGEST_MUTE:
        raise ConfigurationError(
            f"A mute must end within a year and not in the past (got {expires_at:%Y-%m-%d %H:%M}); "
            "give for example --expires 14d."
        )
    if (scenario is None) is not all_scenarios:
        raise ConfigurationError(
            "A mute must say which service it is about: --scenario NAME for one, or --all-scenarios for every one (not both)."
        )
    if metric is not None:
        require_metric(metric)
    _require_series(scenario, environment, profile, database_url)
    if endpoint is not None:
        _require_endpoint(endpoint, scenario, environment, database_url)
    return _record(
        AcknowledgementKind.MUTE,
        reason,
        by,
        database_url,
        scenario=scenario,
        environment=environment,
        profile=profile,
        endpoint=None if endpoint is None else endpoint_key(endpoint),
        metric=metric,
        expires_at=expires_at,
    )


def accept(run_id: str, *, reason: str, by: str, database_url: str | None = None) -> Acknowledgement:
    """The level of this run is fine: regressions up to it are closed. The anchor moves only by promoting a baseline."""
    run = _judged_run(run_id, database_url)
    if run.outcome == Outcome.INVALID.value:
        raise ConfigurationError(f"Run {run_id} is invalid, so there is no level to accept; accept a valid run.")
    return _about_run(AcknowledgementKind.ACCEPT, run, None, reason, by, database_url)


def false_alarm(
    run_id: str, endpoint: str | None = None, *, reason: str, by: str, database_url: str | None = None
) -> Acknowledgement:
    """This alarm (of one endpoint, or the whole run's) was wrong: its regression is closed, and trends count it."""
    run = _judged_run(run_id, database_url)
    if run.outcome not in (Outcome.FAIL.value, Outcome.WARN.value, Outcome.INVALID.value):
        raise ConfigurationError(f"Run {run_id} raised no alarm (its outcome is {run.outcome}); name a run that did.")
    if endpoint is not None:
        _require_endpoint(endpoint, run.scenario, run.environment, database_url)
    return _about_run(AcknowledgementKind.FALSE_ALARM, run, endpoint, reason, by, database_url)


def withdraw(identifier: str, *, by: str, database_url: str | None = None) -> Acknowledgement:
    """Take an acknowledgement back; it stays on record. `identifier`: its id or the beginning of it."""
    with writing(database_url) as session:
        found = list(
            session.scalars(select(AcknowledgementRow).where(AcknowledgementRow.id.startswith(identifier, autoescape=True)))
        )
        if len(found) != 1 or not identifier:
            problem = "no acknowledgement" if not found else f"{len(found)} acknowledgements"
            raise ConfigurationError(f"There is {problem} with the id {identifier!r}; see `loadtest acknowledgements`.")
        row = found[0]
        if row.withdrawn_at is None:
            row.withdrawn_at, row.withdrawn_by = datetime.now(UTC), clean(by)
        result = acknowledgement_of(row)
    _keep_copy(result)
    return result


def acknowledgements(
    scenario: str | None = None,
    environment: str | None = None,
    profile: str | None = None,
    *,
    kinds: Sequence[AcknowledgementKind] = (),
    active_at: datetime | None = None,
    database_url: str | None = None,
) -> list[Acknowledgement]:
    """Newest first; those that name no scenario, environment or profile concern every one. `active_at`: only those in
    force at that time."""
    statement = select(AcknowledgementRow).order_by(AcknowledgementRow.created_at.desc(), AcknowledgementRow.id)
    for column, value in (
        (AcknowledgementRow.scenario, scenario),
        (AcknowledgementRow.environment, environment),
        (AcknowledgementRow.profile, profile),
    ):
        if value is not None:
            statement = statement.where(or_(column.is_(None), column == value))
    if kinds:
        statement = statement.where(AcknowledgementRow.kind.in_([kind.value for kind in kinds]))
    with reading(database_url) as session:
        found = [acknowledgement_of(row) for row in session.scalars(statement)]
    return found if active_at is None else [item for item in found if item.active(active_at)]


def active_mutes(
    scenario: str, environment: str, at: datetime, *, profile: str | None = None, database_url: str | None = None
) -> list[Mute]:
    """Mutes in force at `at`, as the gate reads them, beside those of the scenario's criteria.yaml."""
    found = acknowledgements(
        scenario, environment, profile, kinds=[AcknowledgementKind.MUTE], active_at=at, database_url=database_url
    )
    return [
        Mute(endpoint=item.endpoint, metric=item.metric, reason=item.reason, expires=item.expires_at, by=item.by)
        for item in found
        if item.expires_at is not None
    ]


def concerns(item: Acknowledgement, scenario: str, environment: str, profile: str) -> bool:
    wanted = ((item.scenario, scenario), (item.environment, environment), (item.profile, profile))
    return all(named is None or named == value for named, value in wanted)


def covers(item: Acknowledgement, endpoint: str | None, metric: str | None) -> bool:
    same_endpoint = item.endpoint is None or (endpoint is not None and item.endpoint == endpoint_key(endpoint))
    return same_endpoint and (item.metric is None or item.metric == metric)


def mutes_in_force(session: Session, at: datetime) -> list[Acknowledgement]:
    statement = select(AcknowledgementRow).where(AcknowledgementRow.kind == AcknowledgementKind.MUTE.value)
    return [item for item in map(acknowledgement_of, session.scalars(statement)) if item.active(at)]


def restore(item: Acknowledgement, *, database_url: str | None = None) -> None:
    """Put one acknowledgement into the database; a withdrawal that is there already is not undone by an older copy."""
    with writing(database_url) as session:
        there = session.get(AcknowledgementRow, item.id)
        if there is not None and there.withdrawn_at is not None:
            return
        session.merge(AcknowledgementRow(**item.model_dump(exclude={"schema_version", "kind"}), kind=item.kind.value))


def acknowledgement_of(row: AcknowledgementRow) -> Acknowledgement:
    names = Acknowledgement.model_fields.keys() - {"schema_version"}
    return Acknowledgement(**{name: getattr(row, name) for name in names})


def _about_run(
    kind: AcknowledgementKind, run: Run, endpoint: str | None, reason: str, by: str, database_url: str | None
) -> Acknowledgement:
    return _record(
        kind,
        reason,
        by,
        database_url,
        scenario=run.scenario,
        environment=run.environment,
        profile=run.profile,
        run_id=run.run_id,
        endpoint=None if endpoint is None else endpoint_key(endpoint),
    )


def _record(kind: AcknowledgementKind, reason: str, by: str, database_url: str | None, **fields: Any) -> Acknowledgement:
    reason, by = clean(reason).strip(), clean(by).strip()
    if len(reason) < 3:
        raise ConfigurationError("An acknowledgement needs a reason that others will understand later; give --reason.")
    if not by:
        raise ConfigurationError("An acknowledgement needs the name of a person; give --by.")
    names = {
        name: clean_name(value) for name, value in fields.items() if name in ("scenario", "environment", "profile") and value
    }
    item = Acknowledgement(
        id=str(uuid.uuid4()),
        kind=kind,
        reason=reason[:2000],
        by=by[:200],
        created_at=datetime.now(UTC),
        **(fields | names),
    )
    restore(item, database_url=database_url)
    _keep_copy(item)
    return item


def _keep_copy(item: Acknowledgement) -> None:
    """The copy that a rebuild reads; the database already has it, so a failure here is said and nothing more."""
    path = UPath(settings().runs_root) / FOLDER / f"{item.id}.json"
    try:
        item.write(path)
    except OSError as error:
        _log.warning("The acknowledgement is recorded, but its copy %s could not be written: %s", path, error)


def _judged_run(run_id: str, database_url: str | None) -> Run:
    with reading(database_url) as session:
        run = session.get(Run, clean_name(run_id))
        if run is None:
            raise ConfigurationError(f"The history knows no run {run_id!r}; see `loadtest history list`.")
        if run.status != HistoryStatus.JUDGED.value:
            raise ConfigurationError(f"Run {run_id} has no verdict (it is {run.status}), so nothing can be said about it.")
        session.expunge(run)
        return run


def _require_series(scenario: str | None, environment: str | None, profile: str | None, database_url: str | None) -> None:
    """Names that no run and no file of the project has would mute nothing."""
    place, columns = settings(), {"scenario": Run.scenario, "environment": Run.environment, "profile": Run.profile}
    of_project = {
        "scenario": known_names(place.scenarios),
        "environment": known_names(place.environments),
        "profile": profile_names(place),
    }
    for kind, name in (("scenario", scenario), ("environment", environment), ("profile", profile)):
        if name is None:
            continue
        with reading(database_url) as session:
            known = {*of_project[kind], *session.scalars(select(columns[kind]).distinct())}
        if known and name not in known:
            meant = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {meant[0]!r}?" if meant else f"known are: {', '.join(sorted(known))}."
            raise ConfigurationError(f"There is no {kind} {name!r}; {hint}")


def _require_endpoint(endpoint: str, scenario: str | None, environment: str | None, database_url: str | None) -> None:
    """A misspelled endpoint would mute nothing, so it must be one that the history has seen, if it has seen any."""
    statement = select(RunMetric.endpoint).join(Run, Run.run_id == RunMetric.run_id).distinct()
    if scenario:
        statement = statement.where(Run.scenario == scenario)
    if environment:
        statement = statement.where(Run.environment == environment)
    with reading(database_url) as session:
        known = set(session.scalars(statement)) - {TOTAL}
    if known and endpoint_key(endpoint) not in known:
        close = difflib.get_close_matches(endpoint, known, n=3, cutoff=0.4) or sorted(known)[:3]
        raise ConfigurationError(f"No run has an endpoint {endpoint!r}; did you mean {' or '.join(map(repr, close))}?")
