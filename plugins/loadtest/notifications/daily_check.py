"""The daily check of the pipeline itself, from inside an Airflow task: did each schedule's run start, and has it ended?

A run that was never created raises no alarm by itself, so something else has to look. If the whole Airflow is down, nothing
in it can tell: for that, `LOADTEST_HEARTBEAT_URL` names an outside watchdog that alarms when the heartbeat stays away.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from loadtest.history.watch import ScheduledRun, send_heartbeat
from loadtest.notifications.airflow_connections import connected
from loadtest.notifications.pipeline_alerts import PipelineAlerts, Problem, check_due_run
from loadtest.notifications.policy.retrying import DeliveryError
from loadtest.planning.schedules import BrokenSchedule, Schedule, all_schedules
from loadtest.settings import settings

UPKEEP = ("load_test_trends", "load_test_retention")
ENDED = ("success", "failed")
STATES = (*ENDED, "running", "queued")


def check_pipeline(task_instance: Any, *, now: datetime | None = None) -> str:
    """Look for the last due run of each schedule, tell what is wrong where that schedule's alerts go, send the heartbeat; returns
    what was found.

    `task_instance`: the running task's (`context["ti"]`), which may ask Airflow about other DAGs' runs. Raises DeliveryError
    when a message or the heartbeat cannot be delivered: the task's retry tries again, and sends nothing twice.
    """
    now = now or datetime.now(UTC)
    sentences = []
    for dag_id in UPKEEP:
        sentences += check_is_awake(_alerts(), dag_id, task_instance.get_dag)
    for schedule in all_schedules(settings()):
        if isinstance(schedule, BrokenSchedule):
            sentences.append(tell_broken(_alerts(), schedule))
        else:
            sentences += _check_schedule(schedule, task_instance, now)
    if problem := send_heartbeat():
        raise DeliveryError(problem, again=True)
    return " ".join(sentences)


def _check_schedule(schedule: Schedule, task_instance: Any, now: datetime) -> list[str]:
    alerts, due = _alerts(schedule), schedule.last_due(now)
    alerts.resolve(_broken_key(schedule.dag_id), f"The schedule {schedule.name} can be used again.")
    state = next(
        (one for one in STATES if task_instance.get_dr_count(dag_id=schedule.dag_id, logical_dates=[due], states=[one])), None
    )
    runs = []
    if state:
        run_id = f"scheduled for {due:%Y-%m-%d %H:%M} UTC"
        runs.append(ScheduledRun(run_id=run_id, started_at=due, state=state, finished_at=now if state in ENDED else None))
    standing = check_is_awake(alerts, schedule.dag_id, task_instance.get_dag)
    return [*standing, check_due_run(alerts, runs, due, dag_id=schedule.dag_id, now=now)]


def check_is_awake(alerts: PipelineAlerts, dag_id: str, get_dag: Callable[[str], Any]) -> list[str]:
    """Tell of a DAG with a schedule that stands still because it is paused, or that Airflow does not know; at most one sentence.

    `get_dag`: what Airflow knows of a DAG, with `is_paused`; raises where it knows none.
    """
    try:
        paused = bool(get_dag(dag_id).is_paused)
        problem = f"The DAG {dag_id} is paused, so its schedule stands still; unpause it in Airflow." if paused else ""
    except Exception as error:  # whatever Airflow raises: it has no DAG to show
        problem = f"Airflow does not know the DAG {dag_id} ({type(error).__name__}); see its import errors."
    key = f"schedule/{dag_id}"
    if not problem:
        alerts.resolve(key, f"The DAG {dag_id} is scheduled again.")
        return []
    alerts.report(Problem(key, "A schedule stands still", problem))
    return [problem]


def tell_broken(alerts: PipelineAlerts, broken: BrokenSchedule) -> str:
    sentence = f"The schedule {broken.name} cannot be used, so nothing runs: {broken.reason}"
    alerts.report(Problem(_broken_key(broken.dag_id), "A schedule cannot be used", sentence))
    return sentence


def _broken_key(dag_id: str) -> str:
    return f"broken/{dag_id}"


def _alerts(schedule: Schedule | None = None) -> PipelineAlerts:
    return PipelineAlerts(settings().runs_root, connected(schedule)[0].slack)
