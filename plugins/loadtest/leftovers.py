"""Stops what an interrupted run left: live load supervisors and backends of this host."""

from __future__ import annotations

from loadtest.backend.stop import stop_backend
from loadtest.errors import LoadTestError
from loadtest.load.run import find_live_load, stop_load
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.settings import Settings


def stop_leftovers(settings: Settings) -> list[str]:
    """Stop every live load and backend of Airflow's unfinished runs; returns what could not be stopped, in sentences.

    Runs of the command line on the same runs root are somebody else's and go on.
    """
    problems = []
    root = settings.runs_root
    for path in root.glob("*/*/*/*/plan.json") if root.exists() else []:
        folder = RunFolder(path.parent)
        if folder.verdict.exists():
            continue
        try:
            if Plan.read(path).trigger.airflow_run_id is None:
                continue
            if (live := find_live_load(folder)) is not None:
                stop_load(live)
            if folder.backend_state.exists():
                stop_backend(folder)
        except LoadTestError as error:
            problems.append(str(error))
    return problems
