"""The DAG `load_test_retention`: bulky artifacts past their time go; history, baselines and open evidence stay."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from loadtest.operators.failure_notifier import LoadTestFailureNotifier
from loadtest.operators.upkeep import ApplyRetentionOperator, PlanRetentionOperator

with DAG(
    dag_id="load_test_retention",
    description="Removes bulky artifacts past their environment's days (90 by default)",
    schedule=CronTriggerTimetable("0 4 * * *", timezone="UTC", run_immediately=timedelta(0)),
    catchup=False,
    is_paused_upon_creation=False,  # nothing fires before its next time
    max_active_runs=1,
    tags=["load test"],
    doc_md="First a dry run into the log, then the deletions. See `docs/operations.md`; by hand: `loadtest retention`.",
    default_args={"on_failure_callback": LoadTestFailureNotifier(), "execution_timeout": timedelta(hours=1)},
) as dag:
    PlanRetentionOperator(task_id="dry_run", retries=2) >> ApplyRetentionOperator(task_id="apply", retries=1)
