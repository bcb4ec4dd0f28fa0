"""Schedules as DAGs: one factory, the graph of `load_test`, and a broken file that breaks nothing but itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from upath import UPath

from loadtest.gate.records.verdicts import Verdict
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome
from tests.support.small_include import write

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(180)]
FILE = Path(__file__).resolve().parents[2] / "dags" / "load_tests.py"
TOY = {"scenario": "toy", "environment": "healthy", "profile": "smoke"}


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> Iterator[dict]:
    """What Airflow makes of three files, one of them broken."""
    from airflow.dag_processing.dagbag import DagBag

    folder = airflow_home / "include" / "schedules"
    folder.mkdir()
    monday = TOY | {"cron": "0 2 * * MON", "owners": {"shop": "mailto:shop@example.org"}, "overrides": {"users": 1}}
    write(folder / "monday.yaml", monday | {"purpose": "the shop's own", "timezone": "Europe/Berlin"})
    write(folder / "nightly.yaml", TOY | {"environment": "failing", "cron": "30 1 * * *", "blocking": True})
    write(folder / "broken.yaml", TOY | {"cron": "sometimes"})
    _forget_the_dags()
    bag = DagBag(str(FILE))
    assert bag.import_errors == {}
    yield bag.dags
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    _forget_the_dags()


def _forget_the_dags() -> None:
    """They are made while their package is imported, and Airflow reads them in a new process each time."""
    for name in [name for name in sys.modules if name == "loadtest.dags" or name.startswith("loadtest.dags.")]:
        del sys.modules[name]


def test_each_file_is_a_dag_on_the_same_graph(dags: dict) -> None:
    monday, nightly, usual = dags["load_test__monday"], dags["load_test__nightly"], dags["load_test"]
    assert set(monday.task_dict) == set(nightly.task_dict) == set(usual.task_dict)
    assert (monday.timetable.expression, nightly.timetable.expression) == ("0 2 * * MON", "30 1 * * *")
    assert monday.timetable.run_immediately == timedelta(0)  # unpausing fires nothing before the next time
    assert monday.description == "the shop's own" and "Europe/Berlin" in monday.doc_md
    assert monday.owner == "shop" and monday.owner_links == {"shop": "mailto:shop@example.org"}
    assert {"load test", "toy", "healthy"} <= set(monday.tags)
    assert (monday.params["scenario"], monday.params["users"], nightly.params["blocking"]) == ("toy", 1, True)


def test_a_broken_file_says_so_and_breaks_no_other(dags: dict) -> None:
    broken = dags["load_test__broken"]
    assert broken.description.startswith("BROKEN: ") and "five fields" in broken.description
    assert "five fields" in broken.doc_md and "broken" in broken.tags
    assert not broken.timetable.can_be_scheduled
    run = broken.test()
    assert str(run.state) == "failed" and "run_load" not in {task.task_id for task in run.get_task_instances()}


def test_two_schedules_run_and_are_judged_apart(dags: dict, airflow_home: Path) -> None:
    ended = {name: dags[f"load_test__{name}"].test() for name in ("monday", "nightly")}
    assert {name: str(run.state) for name, run in ended.items()} == {"monday": "success", "nightly": "failed"}
    root = UPath(os.environ.get("LOADTEST_RUNS_ROOT") or airflow_home / "runs")
    folders = [RunFolder(path.parent) for path in root.glob("toy/*/smoke/load-test-*/plan.json")]
    plans = {plan.trigger.airflow_dag_id: (plan, folder) for folder in folders if (plan := Plan.read(folder.plan))}
    plan, folder = plans["load_test__monday"]
    assert plan.profile.users == 1 and Verdict.read(folder.verdict).outcome is Outcome.PASS
    plan, folder = plans["load_test__nightly"]
    assert plan.blocking and Verdict.read(folder.verdict).outcome is Outcome.FAIL
