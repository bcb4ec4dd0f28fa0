"""A DAG for each file of include/schedules. A broken file becomes a DAG that says what is wrong, and takes no other with it."""

from __future__ import annotations

from airflow.sdk import DAG

from loadtest.dags.load_test import load_test_dag
from loadtest.operators.broken_schedule import BrokenScheduleOperator
from loadtest.planning.schedules import BrokenSchedule, Schedule, all_schedules
from loadtest.settings import Settings


def scheduled_dags(settings: Settings) -> dict[str, DAG]:
    """DAG id to DAG."""
    return {one.dag_id: _dag(one) for one in all_schedules(settings)}


def _dag(one: Schedule | BrokenSchedule) -> DAG:
    if isinstance(one, BrokenSchedule):
        return broken_dag(one)
    try:
        return load_test_dag(one)
    except Exception as error:  # whatever Airflow does not like in it
        return broken_dag(BrokenSchedule(one.name, f"Airflow refuses it: {error}"))


def broken_dag(broken: BrokenSchedule) -> DAG:
    """Its description and its only task say what is wrong; it never sends load."""
    quoted = "\n".join(f"    {line}" for line in broken.reason.splitlines())
    with DAG(
        dag_id=broken.dag_id,
        description=f"BROKEN: {broken.reason.splitlines()[0][:500]}",
        schedule=None,
        catchup=False,
        is_paused_upon_creation=False,
        tags=["load test", "broken"],
        doc_md=f"### This schedule cannot be used\n\n{quoted}\n\nNothing runs until its file is corrected: `loadtest validate`.",
    ) as dag:
        BrokenScheduleOperator(task_id="correct_the_file", reason=broken.reason)
    return dag
