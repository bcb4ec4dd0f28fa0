"""The daily check of the pipeline itself, from inside an Airflow task: did the weekly run start, and has it ended?

A run that was never created raises no alarm by itself, so something else has to look. If the whole Airflow is down, nothing
in it can tell: for that, `LOADTEST_HEARTBEAT_URL` names an outside watchdog that alarms when the heartbeat stays away.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from loadtest.history.watch import ScheduledRun, last_due, send_heartbeat
from loadtest.notifications.airflow_connections import connected
from loadtest.notifications.pipeline_alerts import PipelineAlerts, Problem, check_weekly_run
from loadtest.notifications.policy.retrying import DeliveryError
from loadtest.settings import settings

DAG_ID = "load_test"
SCHEDULED = (DAG_ID, "load_test_trends", "load_test_retention")
ENDED = ("success", "failed")
STATES = (*ENDED, "running", "queued")


def check_pipeline(task_instance: Any, *, now: datetime | None = None) -> str:
    """Look for the week's scheduled run, tell what is wrong, send the heartbeat; returns what was found.

    `task_instance`: the running task's (`context["ti"]`), which may ask Airflow about other DAGs' runs. Raises DeliveryError
    when a message or the heartbeat cannot be delivered: the task's retry tries again, and sends nothing twice.
    """
    now = now or datetime.now(UTC)
    due = last_due(now)
    state = next(
        (one for one in STATES if task_instance.get_dr_count(dag_id=DAG_ID, logical_dates=[due], states=[one])),
        None,
    )
    runs = []
    if state:
        run_id = f"scheduled for {due:%Y-%m-%d %H:%M} UTC"
        runs.append(ScheduledRun(run_id=run_id, started_at=due, state=state, finished_at=now if state in ENDED else None))
    channels, _ = connected()
    alerts = PipelineAlerts(settings().runs_root, channels.slack)
    standing = check_schedules(alerts, task_instance.get_dag)
    sentence = " ".join((*standing, check_weekly_run(alerts, runs, dag_id=DAG_ID, now=now)))
    if problem := send_heartbeat():
        raise DeliveryError(problem, again=True)
    return sentence


def check_schedules(alerts: PipelineAlerts, get_dag: Callable[[str], Any]) -> list[str]:
    """Tell of DAGs with a schedule that stand still because they are paused, or that Airflow does not know; a sentence each.

    `get_dag`: what Airflow knows of a DAG, with `is_paused`; raises where it knows none.
    """
    problems = []
    for dag_id in SCHEDULED:
        try:
            paused = bool(get_dag(dag_id).is_paused)
            problem = f"The DAG {dag_id} is paused, so its schedule stands still; unpause it in Airflow." if paused else ""
        except Exception as error:  # whatever Airflow raises: it has no DAG to show
            problem = f"Airflow does not know the DAG {dag_id} ({type(error).__name__}); see its import errors."
        key = f"schedule/{dag_id}"
        if problem:
            problems.append(problem)
            alerts.report(Problem(key, "A schedule stands still", problem))
        else:
            alerts.resolve(key, f"The DAG {dag_id} is scheduled again.")
    return problems
