"""Follows one DAG run in the terminal: from the request over REST to the verdict in the run folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from upath import UPath

from loadtest.airflow_api.client import AirflowClient, DagRun
from loadtest.cli.watch import TerminalWatcher
from loadtest.errors import ConfigurationError
from loadtest.gate.records.verdicts import Verdict
from loadtest.load.models import Progress
from loadtest.run_folder import RunFolder

DAG_ID = "load_test"
POLL_S = 0.5
RUNNING = ("running", "queued", "scheduled", "restarting", "up_for_retry", "awaiting_input", "deferred")


@dataclass(frozen=True)
class FollowedRun:
    """A finished DAG run: its folder, verdict, color, and the seconds from queued to finished."""

    folder: RunFolder | None
    verdict: Verdict | None
    state: str
    wall_s: float


def new_run_id() -> str:
    return f"manual__{datetime.now(UTC):%Y-%m-%dT%H-%M-%S.%f}"


def start_run(client: AirflowClient, conf: dict[str, Any]) -> DagRun:
    """Create the DAG run. Params that Airflow itself refuses raise ConfigurationError in its words."""
    client.wait_for_dag(DAG_ID, timeout_s=60)
    client.unpause(DAG_ID)
    return client.create_run(DAG_ID, new_run_id(), conf)


def follow(client: AirflowClient, run: DagRun, watcher: TerminalWatcher) -> FollowedRun:
    """Show stage after stage until the DAG run has ended; a needed approval is pointed out, not answered."""
    folder: RunFolder | None = None
    shown = ""
    while True:
        current = client.get_run(DAG_ID, run.run_id)
        if folder is None:
            path = client.xcom(DAG_ID, run.run_id, "setup.resolve_plan", "run_folder")
            folder = RunFolder(UPath(path)) if path else None
        active = [task for task in client.task_instances(DAG_ID, run.run_id) if task.state in RUNNING]
        name = _stage(active)
        if name and name != shown:
            shown = name
            watcher.stage(name)
        if folder and (progress := _progress(folder, shown)):
            watcher.progress(progress)
        if current.finished:
            break
        time.sleep(POLL_S)
    ended, queued = current.ended_at or datetime.now(UTC), current.queued_at or current.started_at
    wall_s = (ended - queued).total_seconds() if queued else 0.0
    verdict = Verdict.read(folder.verdict) if folder and folder.verdict.exists() else None
    return FollowedRun(folder, verdict, current.state, wall_s)


def _stage(active: list[Any]) -> str:
    if not active:
        return ""
    awaiting = next((task for task in active if task.state == "awaiting_input"), None)
    if awaiting:
        return "waiting for a person's approval in Airflow (Required Actions)"
    running = next((task for task in active if task.state == "running"), active[0])
    return running.task_id.replace(".", ": ")


def _progress(folder: RunFolder, stage: str) -> Progress | None:
    """The newest attempt's progress while load runs, of this run or of a confirmation."""
    from loadtest.load.control.following import current_progress

    if "run_load" in stage:
        return current_progress(folder)
    if "confirm_" in stage:
        return current_progress(folder.confirmation(int(stage[-1])))
    return None


def conf_of(values: Mapping[str, str | None]) -> dict[str, Any]:
    """DAG params from strings as Make and the shell pass them; empty ones are left out."""
    conf: dict[str, Any] = {name: value.strip() for name, value in values.items() if value and value.strip()}
    for name, kind in (("users", int), ("pull_request", int), ("spawn_rate", float)):
        if name in conf:
            try:
                conf[name] = kind(conf[name])
            except ValueError:
                raise ConfigurationError(f"{name} must be a number, not {conf[name][:40]!r}.") from None
    for name, separator in (("arguments", ";"), ("tags", ","), ("exclude_tags", ",")):
        if name in conf:
            conf[name] = [part.strip() for part in conf[name].split(separator) if part.strip()]
    for name in {"blocking", "any_build"} & conf.keys():
        if conf[name].lower() not in ("true", "false"):
            raise ConfigurationError(f"{name} is true or false, not {conf[name][:40]!r}.")
        conf[name] = conf[name].lower() == "true"
    return conf
