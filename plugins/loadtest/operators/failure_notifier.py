"""`on_failure_callback` of our DAGs: says in Slack which task failed for good. Never hurts the run it speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

# These fail on purpose, to color the run after a verdict that has been told already.
SPEAKS_OF_VERDICT = ("run_state",)


class LoadTestFailureNotifier(BaseNotifier):
    """Use as `default_args={"on_failure_callback": LoadTestFailureNotifier()}`; Airflow calls it after a task's last try."""

    def notify(self, context: Context) -> None:
        from loadtest.errors import LoadTestError
        from loadtest.notifications.airflow_connections import connected
        from loadtest.notifications.pipeline_alerts import PipelineAlerts
        from loadtest.planning.schedules import schedule_of
        from loadtest.settings import settings

        problem = problem_of(context)
        if problem is None:
            return
        try:
            channels, _ = connected(schedule_of(context["ti"].dag_id, settings()))
            PipelineAlerts(settings().runs_root, channels.slack).report(problem)
        except (LoadTestError, OSError) as error:
            self.log.error("The failure could not be told: %s", error)


def problem_of(context: Any) -> Any:
    """The problem that a task's context describes; None for tasks that only color the run."""
    from loadtest.notifications.pipeline_alerts import task_failed
    from loadtest.operators.request_of import airflow_run_url
    from loadtest.reporting.escape import plain

    task = context["ti"]
    if task.task_id.rsplit(".", 1)[-1] in SPEAKS_OF_VERDICT:
        return None
    return task_failed(
        dag_id=task.dag_id,
        run_id=task.run_id,
        task_id=task.task_id,
        error=plain(context.get("exception") or "", 600),
        tries=task.try_number,
        url=airflow_run_url(task.dag_id, task.run_id),
    )
