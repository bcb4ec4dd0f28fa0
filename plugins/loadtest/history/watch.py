"""Did each scheduled run start, and is it finished in time? A run that was never created raises no alarm by itself.

`judge_due_run` decides on plain values; where the runs come from is the caller's: `scheduled_runs` finds them in the run
folders, so that no Airflow is needed; the DAG asks Airflow. A heartbeat tells an outside watchdog that even this check runs.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.files import Record
from loadtest.gate.records.verdicts import Verdict
from loadtest.history.rebuild import run_folders
from loadtest.planning.models import Plan, TriggerKind
from loadtest.planning.schedules import BrokenSchedule, all_schedules
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.vocabulary import RunStatus

HEARTBEAT_VARIABLE = "LOADTEST_HEARTBEAT_URL"
START_WITHIN = timedelta(hours=1)
FINISH_WITHIN = timedelta(hours=6)
EARLY = timedelta(minutes=5)  # clocks of scheduler and worker may differ
_HEARTBEAT_TIMEOUT_S = 10


class ScheduledRun(Record):
    """A scheduled run as far as one can see. `state`: what it does until it is finished; `finished_at` None: not finished;
    `not_run_reason`: it ended without load."""

    run_id: str
    started_at: datetime
    dag_id: str = ""
    state: str = "running"
    finished_at: datetime | None = None
    not_run_reason: str = ""
    url: str | None = None


@dataclass(frozen=True)
class DueRun:
    """What is known of the run that was due at `due`. `problem`: a sentence, empty while there is nothing to say."""

    due: datetime
    ended: bool = False
    problem: str = ""


def watch_schedules(now: datetime | None = None) -> list[DueRun]:
    """Judge the latest run of each schedule by the run folders alone; a schedule that cannot be read is a problem too."""
    moment, found = now or datetime.now(UTC), []
    for schedule in all_schedules(settings()):
        if isinstance(schedule, BrokenSchedule):
            found.append(DueRun(moment, problem=f"The schedule {schedule.name} cannot be used: {schedule.reason}"))
            continue
        due = schedule.last_due(moment)
        runs = [run for run in scheduled_runs(due - EARLY) if run.dag_id == schedule.dag_id]
        found.append(judge_due_run(due, runs, now=moment, dag_id=schedule.dag_id))
    return found


def last_due(now: datetime, *, weekday: int = 0, hour: int = 2, minute: int = 0) -> datetime:
    """The last time at or before `now` at which the weekly run was due. `weekday` 0 is Monday; times are UTC."""
    today = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    due = today - timedelta(days=(today.weekday() - weekday) % 7)
    return due if due <= now else due - timedelta(days=7)


def judge_due_run(due: datetime, runs: Sequence[ScheduledRun], *, now: datetime, dag_id: str) -> DueRun:
    """Judge the run that was due at `due` by what is seen at `now`. Nothing is said while there is still time."""
    name = f"The load test {dag_id} of {due:%A, %Y-%m-%d %H:%M} UTC"
    since_then = sorted((run for run in runs if run.started_at >= due - EARLY), key=lambda run: run.started_at)
    if not since_then:
        if now < due + START_WITHIN:
            return DueRun(due)
        problem = (
            f"{name} has not started (it is {now.astimezone(UTC):%A %H:%M} UTC now); check that Airflow's scheduler runs and "
            f"that the DAG {dag_id} is not paused, then trigger it by hand."
        )
        return DueRun(due, problem=problem)
    run = since_then[-1]  # a later one is somebody's second try, and makes up for the first
    where = f"; see {run.url}" if run.url else ""
    if run.finished_at is None:
        if now < run.started_at + FINISH_WITHIN:
            return DueRun(due)
        hours = (now - run.started_at) / timedelta(hours=1)
        limit = f"it should take at most {FINISH_WITHIN / timedelta(hours=1):g} h"
        problem = f"{name} is still {run.state} after {hours:.0f} h ({limit}): run {run.run_id}{where}."
        return DueRun(due, problem=problem)
    if run.not_run_reason:
        problem = f"{name} sent no load: {run.not_run_reason.rstrip('.')} (run {run.run_id}{where})."
        return DueRun(due, ended=True, problem=problem)
    return DueRun(due, ended=True)


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
        dag_id=plan.trigger.airflow_dag_id or "",
        finished_at=verdict.created_at if verdict else None,
        not_run_reason=verdict.sentence if verdict and not_run else "",
        url=plan.trigger.airflow_url,
    )


def send_heartbeat(url: str | None = None) -> str | None:
    """Tell the outside watchdog (LOADTEST_HEARTBEAT_URL, or `url`) that the check ran. Returns why that did not work, in a
    sentence without the URL (it is a secret of its own, and logged nowhere), or None. Without a URL nothing happens."""
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
        logging.getLogger(name).setLevel(max(levels[name], logging.WARNING))
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
