"""Tasks that share a machine go to their load generator's queue and pool, the others where they always go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from loadtest.planning.load_generators import LOAD_POOL, NAME_VARIABLE
from loadtest.settings import settings
from loadtest.vocabulary import RunStatus

pytestmark = pytest.mark.airflow
ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "plugins" / "loadtest" / "dags"
BOTH = {"resolve_plan", "prepare_run", "stop_backend"}
TOGETHER = {
    "load_test": BOTH | {"start_backend", "check_health", "run_load", "confirm_1", "confirm_2"},
    "load_test_baseline": BOTH | {"collect"},
}


def dag_of(dag_id: str):
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(DAGS / f"{dag_id}.py")).dags[dag_id]  # anew, not imported


def short(task_id: str) -> str:
    return task_id.split(".")[-1]


@pytest.fixture
def eu(airflow_home: Path):
    """An environment that names a load generator."""
    path = settings().environments / "europe.yaml"
    path.write_text((settings().environments / "healthy.yaml").read_text() + "load_generator: eu\n")
    yield "europe"
    path.unlink()


@pytest.mark.parametrize("dag_id", TOGETHER)
def test_what_shares_a_machine_has_a_queue_of_its_own(airflow_home: Path, monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
    monkeypatch.setenv("LOADTEST_LOADGEN_QUEUE", "loadgen")
    dag = dag_of(dag_id)
    from loadtest.deployment.load_generators import HOST_BOUND  # after Airflow, which loads it as a policy

    together = {short(task.task_id) for task in dag.tasks if task.queue == "loadgen"}
    assert together == TOGETHER[dag_id]
    assert {task.queue for task in dag.tasks} == {"loadgen", "default"}
    assert {short(task.task_id) for task in dag.tasks if task.pool == LOAD_POOL} == together - {"stop_backend"}
    assert {type(task).__name__ for task in dag.tasks if task.queue == "loadgen"} <= HOST_BOUND
    assert dag.max_active_runs == 1


def instances(dag, environment: str | None) -> dict[str, tuple[str, str]]:
    """Queue and pool of each task of a new run, as Airflow's scheduler makes them."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.sdk import timezone
    from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    now = timezone.utcnow()
    with create_session() as session:
        if session.get(DagBundleModel, "test") is None:
            session.add(DagBundleModel(name="test"))
            session.flush()
        scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        type(scheduled).bulk_write_to_db("test", None, [dag], session=session)
        SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name="test", session=session)
        session.flush()
        run = scheduled.create_dagrun(
            run_id=f"manual__{now.isoformat()}",
            run_after=now,
            run_type=DagRunType.MANUAL,
            state="queued",
            conf={"environment": environment} if environment else {},
            triggered_by=DagRunTriggeredByType.TEST,
            session=session,
        )
        return {short(ti.task_id): (ti.queue, ti.pool) for ti in run.get_task_instances(session=session)}


@pytest.mark.parametrize("dag_id", TOGETHER)
def test_a_run_goes_to_the_load_generator_that_its_environment_names(eu: str, dag_id: str) -> None:
    dag = dag_of(dag_id)
    assert dag.max_active_runs == 2, "one run on each load generator"
    placed = instances(dag, eu)
    there = "load_generator-eu"
    assert {task for task, (queue, _) in placed.items() if queue == there} == TOGETHER[dag_id]
    assert {task for task, (_, pool) in placed.items() if pool == there} == TOGETHER[dag_id] - {"stop_backend"}
    elsewhere = instances(dag, "healthy")
    assert {queue for queue, _ in elsewhere.values()} == {"default"}
    assert {pool for _, pool in elsewhere.values()} == {LOAD_POOL, "default_pool"}


def test_a_machine_that_is_another_load_generator_sends_nothing(run_dag, eu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run_dag(environment=eu)
    assert ended.state == "failed"
    assert ended.verdict.status is RunStatus.NOT_RUN
    assert "load generator 'eu', and this machine is the load generator without a name" in ended.verdict.sentence
    assert not ended.folder.backend_state.exists()
    monkeypatch.setenv(NAME_VARIABLE, "eu")
    assert run_dag(environment=eu).state == "success"
    assert "wants its load sent from the load generator without a name" in run_dag().verdict.sentence


def test_schedules_run_from_the_start(airflow_home: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag

    for dag in DagBag(str(ROOT / "dags")).dags.values():
        assert dag.is_paused_upon_creation is False
        if dag.timetable.can_be_scheduled:
            assert dag.timetable.run_immediately == timedelta(0), "an unpaused DAG must not fire at once"
            assert dag.start_date is None
