"""The weekly digest: what ran, what is open, what got well. From run folders and alert states; told once a week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upath import UPath

from loadtest import wording
from loadtest.errors import ConfigurationError
from loadtest.gate.records.verdicts import Verdict
from loadtest.history.watch import FINISH_WITHIN
from loadtest.notifications.alert_store import FOLDER
from loadtest.notifications.pipeline_alerts import PipelineAlerts
from loadtest.notifications.policy.models import AlertState, Incident, IncidentKind
from loadtest.notifications.slack import messages
from loadtest.notifications.slack.messages import Message
from loadtest.planning.schedules import BrokenSchedule, Schedule
from loadtest.reporting import format as show
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import SEVERITY

WEEK = timedelta(days=7)
MOST_SERIES = 12


@dataclass(frozen=True)
class Digest:
    """One week: verdicts (oldest first), regressions still open, and those that ended in it, as (place, incident);
    `missing`: what was due and has no result, a line each."""

    until: datetime
    verdicts: tuple[Verdict, ...]
    open: tuple[tuple[str, Incident], ...]
    ended: tuple[tuple[str, Incident], ...]
    missing: tuple[str, ...] = ()


def collect(runs_root: UPath | Path | str, until: datetime, schedules: Sequence[Schedule | BrokenSchedule] = ()) -> Digest:
    """Read the week before `until` from the runs root; damaged files and confirmation runs are left out."""
    root = UPath(runs_root)
    verdicts = sorted(_verdicts(root, until - WEEK, until), key=lambda one: one.created_at)
    states = list(_states(root))
    still = [(_place(state), one) for state in states for one in state.open if _is_news(one) and not one.accepted]
    ended = [
        (_place(state), one) for state in states for one in state.closed if _is_news(one) and one.last_at >= until - 2 * WEEK
    ]
    return Digest(until, tuple(verdicts), tuple(still), tuple(ended), tuple(_missing(schedules, verdicts, until)))


def digest_message(digest: Digest, dashboard: str | None = None) -> Message:
    """The digest as one Slack message."""
    start = digest.until - WEEK
    title = f"Load tests, {start:%b} {start.day} to {digest.until:%b} {digest.until.day}"
    blocks = [
        messages.header(title),
        messages.paragraph(_totals(digest.verdicts)),
        *messages.bullets("Last results", _series(digest.verdicts), most=MOST_SERIES),
        *messages.bullets("Due, without a result", digest.missing, most=MOST_SERIES),
        *messages.bullets("Open regressions", [_line(place, one) for place, one in digest.open], most=8),
        *messages.bullets("Got well or was settled", [_line(place, one) for place, one in digest.ended], most=5),
        *messages.buttons([("All runs", "dashboard", dashboard)]),
    ]
    return messages.message(f"{title}: {_totals(digest.verdicts)}", blocks)


def tell_weekly_digest(
    runs_root: UPath | Path | str,
    alerts: PipelineAlerts,
    *,
    now: datetime | None = None,
    dashboard: str | None = None,
    schedules: Sequence[Schedule | BrokenSchedule] = (),
) -> bool:
    """Send this week's digest, once per calendar week however often it is called; returns whether it went out now.
    Raises DeliveryError."""
    now = now or datetime.now(UTC)
    year, week, _ = now.isocalendar()
    return alerts.once(f"digest/{year}-W{week:02d}", digest_message(collect(runs_root, now, schedules), dashboard))


def _verdicts(root: UPath, since: datetime, until: datetime) -> Iterator[Verdict]:
    if not root.exists():
        return
    for path in root.glob("*/*/*/*/verdict.json"):
        if path.parents[3].name.startswith("_") or RunFolder(path.parent).is_confirmation:
            continue
        try:
            verdict = Verdict.read(path)
        except ConfigurationError:
            continue
        if since < verdict.created_at <= until:
            yield verdict


def _missing(schedules: Sequence[Schedule | BrokenSchedule], verdicts: Sequence[Verdict], until: datetime) -> Iterator[str]:
    """A line for each schedule that should have run in the week and did not; one that is due just now has time."""
    judged = {(one.scenario, one.environment, one.profile) for one in verdicts}
    for schedule in schedules:
        if isinstance(schedule, BrokenSchedule):
            yield f"{schedule.name}: its file cannot be used ({schedule.reason})"
        elif until - WEEK < schedule.last_due(until - FINISH_WITHIN) and schedule.series not in judged:
            yield f"{schedule.name}: {' / '.join(schedule.series)}, {schedule.when}, did not run"


def _states(root: UPath) -> Iterator[AlertState]:
    folder = root / FOLDER
    if not folder.exists():
        return
    for path in sorted(folder.glob("*/*.json"), key=str):
        try:
            yield AlertState.read(path)
        except ConfigurationError:
            continue


def _totals(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return "No load test ran this week."
    counted = Counter(one.outcome for one in verdicts)
    parts = [f"{counted[level]} {show.outcome_label(level).lower()}" for level in (*reversed(SEVERITY), None) if counted[level]]
    return f"{len(verdicts)} {'run' if len(verdicts) == 1 else 'runs'}: {', '.join(parts)}."


def _series(verdicts: Sequence[Verdict]) -> list[str]:
    """One line per scenario, environment and profile: its last verdict."""
    last = {(one.scenario, one.environment, one.profile): one for one in verdicts}
    counts = Counter((one.scenario, one.environment, one.profile) for one in verdicts)
    return [
        f"{show.outcome_sign(one.outcome)} {' / '.join(key)} ({counts[key]}): {one.sentence}" for key, one in sorted(last.items())
    ]


def _line(place: str, incident: Incident) -> str:
    issue = f", issue #{incident.issue}" if incident.issue else ""
    names = ", ".join(incident.endpoints[:3]) + (
        f" and {len(incident.endpoints) - 3} more" if len(incident.endpoints) > 3 else ""
    )
    return f"{place}: {names}, since {wording.moment(incident.opened_at)[:10]}, seen in {incident.sightings} runs{issue}"


def _place(state: AlertState) -> str:
    return f"{state.scenario} on {state.environment}"


def _is_news(incident: Incident) -> bool:
    return incident.kind is IncidentKind.REGRESSION
