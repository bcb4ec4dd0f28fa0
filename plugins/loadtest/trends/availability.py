"""How well the pipeline itself works: runs that were due and came, invalid ones, alarms and those that people called false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from loadtest.history.models import Acknowledgement, AcknowledgementKind, HistoryStatus, RunRow
from loadtest.history.watch import EARLY, last_due
from loadtest.planning.models import TriggerKind
from loadtest.trends.models import Availability
from loadtest.vocabulary import Outcome


def availability(runs: Sequence[RunRow], marks: Sequence[Acknowledgement], *, until: datetime, weekly: bool) -> Availability:
    """`runs`: all runs of the window without confirmations; `marks`: acknowledgements, any; `weekly`: whether to count the
    weekly runs that were due (once, over all series), from the first scheduled run the window knows."""
    outcomes = Counter(str(run.outcome or run.status) for run in runs)
    alarms = [run for run in runs if run.outcome in (Outcome.FAIL, Outcome.WARN)]
    marked = {mark.run_id for mark in marks if mark.kind is AcknowledgementKind.FALSE_ALARM and mark.withdrawn_at is None}
    false_alarms = sum(run.run_id in marked for run in runs)
    scheduled = sorted(run.started_at for run in runs if run.trigger_kind == TriggerKind.SCHEDULED.value)
    expected, seen = _weekly(scheduled, until) if weekly and scheduled else (None, 0)
    measured = sum(run.status is not HistoryStatus.NOT_RUN for run in runs)
    parts = [f"{len(runs)} run{'s' if len(runs) != 1 else ''}"]
    if expected is not None:
        parts.append(f"{seen} of {expected} weekly runs came")
    if measured < len(runs):
        parts.append(f"{len(runs) - measured} sent no load")
    invalid = outcomes[Outcome.INVALID.value]
    parts.append(f"{invalid} invalid" if invalid else "none invalid")
    alarm_words = f"{len(alarms)} alarm{'s' if len(alarms) != 1 else ''}" if alarms else "no alarm"
    if false_alarms:
        alarm_words += f", {false_alarms} of them marked as false"
    parts.append(alarm_words)
    return Availability(
        runs=len(runs),
        outcomes=dict(sorted(outcomes.items())),
        expected=expected,
        scheduled_seen=seen,
        alarms=len(alarms),
        false_alarms=false_alarms,
        sentence=f"{'; '.join(parts)}.",
    )


def _weekly(scheduled: list[datetime], until: datetime) -> tuple[int, int]:
    """Weeks from the first scheduled run to `until`, and those of them in which a scheduled run started."""
    weekday, hour, minute = scheduled[0].weekday(), scheduled[0].hour, scheduled[0].minute
    due = last_due(scheduled[0] + EARLY, weekday=weekday, hour=hour, minute=minute)
    weeks = []
    while due + timedelta(hours=1) <= until:
        weeks.append(due)
        due += timedelta(days=7)
    seen = sum(any(week - EARLY <= start < week + timedelta(days=7) - EARLY for start in scheduled) for week in weeks)
    return len(weeks), seen
