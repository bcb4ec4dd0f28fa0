"""Tasks that share a host go to the load generators' queue, where one is named."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow
ROOT = Path(__file__).resolve().parents[2]
BOTH = {"resolve_plan", "prepare_run", "stop_backend"}
TOGETHER = {
    "load_test": BOTH | {"start_backend", "check_health", "run_load", "confirm_1", "confirm_2"},
    "load_test_baseline": BOTH | {"collect"},
}


def test_what_shares_a_host_has_a_queue_of_its_own(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("LOADTEST_LOADGEN_QUEUE", "loadgen")
    for dag_id, together in TOGETHER.items():
        dags = DagBag(str(ROOT / "plugins" / "loadtest" / "dags" / f"{dag_id}.py")).dags  # anew, not imported
        queues = {task.task_id.split(".")[-1]: task.queue for task in dags[dag_id].tasks}
        assert {task for task, queue in queues.items() if queue == "loadgen"} == together
        assert set(queues.values()) == {"loadgen", "default"}


def test_schedules_run_from_the_start(airflow_home: Path) -> None:
    from airflow.dag_processing.dagbag import DagBag

    for dag in DagBag(str(ROOT / "dags")).dags.values():
        assert dag.is_paused_upon_creation is False
        if dag.dag_id != "load_test_baseline":
            assert dag.timetable.run_immediately == timedelta(0), "an unpaused DAG must not fire at once"
            assert dag.start_date is None
