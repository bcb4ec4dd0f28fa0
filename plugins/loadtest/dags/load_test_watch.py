"""The DAG `load_test_watch`: a scheduled run that never started, or never ended, is told."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from loadtest.operators.failure_notifier import LoadTestFailureNotifier
from loadtest.operators.upkeep import WatchOperator

with DAG(
    dag_id="load_test_watch",
    description="Did each scheduled load test start and end?",
    schedule=CronTriggerTimetable("0 8 * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    is_paused_upon_creation=False,  # nothing fires before its next time
    max_active_runs=1,
    tags=["load test"],
    doc_md="Tells Slack what is missing and pings `LOADTEST_HEARTBEAT_URL`, so that an outside watchdog notices when "
    "Airflow itself is down.",
    default_args={"on_failure_callback": LoadTestFailureNotifier()},
) as dag:
    WatchOperator(task_id="watch", retries=3, retry_delay=timedelta(minutes=1), execution_timeout=timedelta(minutes=5))
