"""A cluster policy of Airflow (entry point `airflow.policy`): the tasks of a run that share a machine go to the queue and the
pool of the load generator that its environment names. Queue and pool of a task are fixed while a DAG is parsed, the environment
is known only when a run is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import airflow.settings
from airflow.policies import hookimpl

from loadtest.planning.load_generators import LOAD_POOL, load_generator_of, place_of
from loadtest.planning.schedules import schedule_name, sends_load
from loadtest.settings import settings

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance

# Operators whose tasks share a machine; those that may run beside a load are in no pool.
HOST_BOUND = frozenset(
    {
        "ResolvePlanOperator",
        "PrepareRunOperator",
        "StartBackendOperator",
        "CheckHealthOperator",
        "RunLoadOperator",
        "ConfirmOperator",
        "CollectBaselineOperator",
        "StopBackendOperator",
    }
)

# Airflow 3.3 asks a policy of an entry point only where there is an airflow_local_settings.py too.
airflow.settings.task_instance_mutation_hook.is_noop = False  # type: ignore[attr-defined]


@hookimpl
def task_instance_mutation_hook(task_instance: TaskInstance, dag_run: DagRun | None) -> None:
    """Called by the scheduler for each task instance that it makes or tries again."""
    if dag_run is None or not _is_ours(task_instance.dag_id) or task_instance.operator not in HOST_BOUND:
        return
    places = settings()
    asked_for = (dag_run.conf or {}).get("environment")
    schedule = schedule_name(task_instance.dag_id)
    load_generator = load_generator_of(places, str(asked_for) if asked_for else None, schedule)
    if load_generator is None:
        return
    task_instance.queue = place_of(load_generator)
    if task_instance.pool == LOAD_POOL:
        task_instance.pool = place_of(load_generator)


def _is_ours(dag_id: str) -> bool:
    return sends_load(dag_id) or dag_id == "load_test_baseline"
