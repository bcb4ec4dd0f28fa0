"""Did the weekly run start, and is it finished in time? A run that was never created raises no alarm by itself.

`late_sentences` decides on plain values; `scheduled_runs` finds the runs in the run folders, so that no Airflow is needed;
`watch_weekly_run` joins the two. A heartbeat tells an outside watchdog that even this check still runs.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.files import Record
from loadtest.gate.models import Verdict
from loadtest.history.rebuild import run_folders
from loadtest.planning.models import Plan, TriggerKind
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import RunStatus

HEARTBEAT_VARIABLE = "LOADTEST_HEARTBEAT_URL"
START_WITHIN = timedelta(hours=1)
FINISH_WITHIN = timedelta(hours=6)
_EARLY = timedelta(minutes=5)  # clocks of scheduler and worker may differ
_HEARTBEAT_TIMEOUT_S = 10


class ScheduledRun(Record):
    """A scheduled run as far as one can see. `finished_at` None: not finished; `not_run_reason`: it ended without load."""

    run_id: str
    started_at: datetime
    finished_at: datetime | None = None
    not_run_reason: str = ""
    url: str | None = None


def watch_weekly_run(
    *,
    now: datetime | None = None,
    runs: Sequence[ScheduledRun] | None = None,
    weekday: int = 0,
    hour: int = 2,
    minute: int = 0,
    start_within: timedelta = START_WITHIN,
    finish_within: timedelta = FINISH_WITHIN,
    runs_root: UPath | str | None = None,
) -> list[str]:
    """What is wrong with the latest weekly run, in sentences; none: all is well. `weekday` 0 is Monday; times are UTC.

    `runs`: those that the caller knows of (Airflow's); by default those that have a run folder.
    """
    moment = now or datetime.now(UTC)
    expected_at = latest_expected(moment, weekday=weekday, hour=hour, minute=minute)
    seen = scheduled_runs(expected_at - _EARLY, runs_root) if runs is None else runs
    return late_sentences(expected_at, seen, now=moment, start_within=start_within, finish_within=finish_within)


def latest_expected(now: datetime, *, weekday: int = 0, hour: int = 2, minute: int = 0) -> datetime:
    """The last time at or before `now` at which the weekly run was due."""
    today = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    due = today - timedelta(days=(today.weekday() - weekday) % 7)
    return due if due <= now else due - timedelta(days=7)


def late_sentences(
    expected_at: datetime,
    runs: Sequence[ScheduledRun],
    *,
    now: datetime,
    start_within: timedelta = START_WITHIN,
    finish_within: timedelta = FINISH_WITHIN,
) -> list[str]:
    """Judge the run that was due at `expected_at` by what is seen at `now`. Nothing is said while there is still time."""
    due = f"The load test of {expected_at:%A, %Y-%m-%d %H:%M} UTC"
    of_this_week = sorted((run for run in runs if run.started_at >= expected_at - _EARLY), key=lambda run: run.started_at)
    if not of_this_week:
        if now < expected_at + start_within:
            return []
        return [
            f"{due} has not started (it is {now.astimezone(UTC):%A %H:%M} UTC now); check that Airflow's scheduler runs and "
            "that the DAG load_test is not paused, then trigger it by hand."
        ]
    run = of_this_week[-1]  # a later one is somebody's second try, and makes up for the first
    where = f"; see {run.url}" if run.url else ""
    if run.finished_at is None:
        if now < run.started_at + finish_within:
            return []
        hours = (now - run.started_at).total_seconds() / 3600
        limit = finish_within.total_seconds() / 3600
        return [
            f"{due} is not finished {hours:.0f} h after its start (it should take at most {limit:g} h): run {run.run_id}{where}."
        ]
    if run.not_run_reason:
        return [f"{due} sent no load: {run.not_run_reason.rstrip('.')} (run {run.run_id}{where})."]
    return []


def scheduled_runs(since: datetime, runs_root: UPath | str | None = None) -> list[ScheduledRun]:
    """Scheduled runs that have a run folder and were planned at or after `since`."""
    found = []
    for folder in run_folders(runs_root or settings().runs_root):
        try:
            run = _scheduled_run(folder, since)
        except ConfigurationError:
            continue  # damaged: then it is not seen, and its absence is said
        if run is not None:
            found.append(run)
    return found


def _scheduled_run(folder: RunFolder, since: datetime) -> ScheduledRun | None:
    path = folder.plan
    if not path.exists() or path.stat().st_mtime < since.timestamp():
        return None
    plan = Plan.read(path)
    if plan.trigger.kind is not TriggerKind.SCHEDULED or plan.confirms or plan.created_at < since:
        return None
    verdict = Verdict.read(folder.verdict) if folder.verdict.exists() else None
    not_run = verdict is not None and verdict.status is RunStatus.NOT_RUN
    return ScheduledRun(
        run_id=plan.run_id,
        started_at=plan.created_at,
        finished_at=verdict.created_at if verdict else None,
        not_run_reason=verdict.sentence if verdict and not_run else "",
        url=plan.trigger.airflow_url,
    )


def send_heartbeat(url: str | None = None) -> str | None:
    """Tell the outside watchdog (LOADTEST_HEARTBEAT_URL, or `url`) that the check ran and found all well. Returns why it
    did not work, in a sentence without the URL (it is a secret of its own), or None. Without a URL nothing happens."""
    address = url or os.environ.get(HEARTBEAT_VARIABLE)
    if not address:
        return None
    import httpx

    problem = ""
    for _ in range(3):
        try:
            with _silent("httpx", "httpcore"):  # they log the URL
                answer = httpx.get(address, timeout=_HEARTBEAT_TIMEOUT_S, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            problem = type(error).__name__
            continue
        if answer.is_success:
            return None
        problem = f"HTTP {answer.status_code}"
    return f"The heartbeat of {HEARTBEAT_VARIABLE} could not be delivered ({problem}); check that URL."


@contextlib.contextmanager
def _silent(*loggers: str) -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in loggers}
    for name in loggers:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
