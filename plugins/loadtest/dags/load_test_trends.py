"""The DAG `load_test_trends`: where each endpoint has been going for months."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param

from loadtest.operators.failure_notifier import LoadTestFailureNotifier
from loadtest.operators.upkeep import TrendsOperator

with DAG(
    dag_id="load_test_trends",
    description="Slopes, change points and the health of the pipeline itself",
    schedule=CronTriggerTimetable("0 6 1 * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    is_paused_upon_creation=False,  # nothing fires before its next time
    max_active_runs=1,
    params={"weeks": Param(26, type="integer", minimum=1, maximum=520, title="Weeks", description_md="How far to look back.")},
    tags=["load test"],
    doc_md="Per endpoint: slope with interval, jumps with the commits between, targets that no longer fit. Kept under "
    "`<runs root>/_trends/<month>/`.",
    default_args={"on_failure_callback": LoadTestFailureNotifier()},
) as dag:
    TrendsOperator(
        task_id="trends",
        weeks="{{ params.weeks }}",
        retries=3,
        retry_delay=timedelta(seconds=30),
        retry_exponential_backoff=2.0,
        execution_timeout=timedelta(minutes=30),
    )
