"""An Airflow home of the session's own. It must be chosen before Airflow is imported, so it is chosen here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from upath import UPath

from loadtest.gate.records.verdicts import Verdict
from loadtest.run_folder import RunFolder
from tests.support.small_include import build_include

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(tempfile.mkdtemp(prefix="loadtest-airflow-"))

os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME / 'airflow.db'}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "GX_ANALYTICS_ENABLED": "False",
        "LOADTEST_HOME": str(HOME),
    }
)
build_include(HOME)


@dataclass(frozen=True)
class Ended:
    """A DAG run that ended: its color, each task's state, what the run folder says, and its note in Airflow."""

    state: str
    tasks: dict[str, str | None]
    folder: RunFolder | None
    verdict: Verdict | None
    note: str | None = None


@pytest.fixture(scope="session")
def airflow_home() -> Iterator[Path]:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
    subprocess.run(
        [sys.executable, "-m", "airflow", "pools", "set", "load_generator", "1", "test"], check=True, capture_output=True
    )
    yield HOME
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def dagbag(airflow_home: Path):
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))


@pytest.fixture(scope="session")
def run_dag(airflow_home: Path) -> Callable[..., Ended]:
    """Run `load_test` in this process with the given params; everything in it is real."""
    from airflow.dag_processing.dagbag import DagBag

    def run(**params: object) -> Ended:
        # Anew, not imported: a run keeps its params in the DAG.
        dag = DagBag(str(ROOT / "plugins" / "loadtest" / "dags" / "load_test.py")).get_dag("load_test")
        defaults = {"scenario": "toy", "environment": "healthy", "profile": "smoke"}
        dag_run = dag.test(run_conf=defaults | params)
        tasks = {task.task_id: task.state for task in dag_run.get_task_instances()}
        path = folder_of(dag_run)
        folder = RunFolder(UPath(path)) if path else None
        verdict = Verdict.read(folder.verdict) if folder and folder.verdict.exists() else None
        states = {name: state and str(state) for name, state in tasks.items()}
        return Ended(str(dag_run.state), states, folder, verdict, note_of(dag_run))

    return run


def note_of(dag_run) -> str | None:
    """As it was stored."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        stored = session.scalars(select(DagRun).where(DagRun.dag_id == dag_run.dag_id, DagRun.run_id == dag_run.run_id)).one()
        return stored.note


def folder_of(dag_run) -> str | None:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        row = session.scalars(
            select(XComModel).where(
                XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == "run_folder"
            )
        ).first()
        return XComModel.deserialize_value(row) if row else None
