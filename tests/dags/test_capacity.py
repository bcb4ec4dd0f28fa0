"""A search for the capacity through the DAG: the same finding, no confirmation, and keys that nobody knows are refused."""

from __future__ import annotations

import pytest

from loadtest.gate.records.capacity import CapacityKind
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.operators.params import load_params
from loadtest.vocabulary import Outcome, RunStatus
from tests.dags.conftest import HOME
from tests.support.small_include import write

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_search_runs_through_the_dag(run_dag) -> None:
    """The toy backend answers a handful of users at once, so the search ends at its most users: all of them are held."""
    search = {"start": 2, "step": "5s", "settle": "1s", "hold": "10s", "repeats": 4}
    profile = {"purpose": "test", "users": 4, "duration": "1m", "host_probe": False, "search": search}
    write(HOME / "include/profiles/search.yaml", profile)
    try:
        assert "search" in load_params()["profile"].schema["enum"]
        ended = run_dag(profile="search", environment="steady")
        refused = run_dag(profile="search", environment="steady", user=5)
    finally:
        (HOME / "include/profiles/search.yaml").unlink()
    assert ended.state == "success"
    capacity = RegressionReport.read(ended.folder.regression_report).capacity
    assert capacity.kind in (CapacityKind.AT_LEAST, CapacityKind.GENERATOR), ended.verdict.sentence  # as busy as the machine is
    assert ended.tasks["regression.confirm_1"] == "skipped"
    assert ended.verdict.outcome is not Outcome.FAIL
    assert any(finding.sentence.startswith("the service holds") for finding in ended.verdict.findings)
    assert refused.state == "failed"
    assert refused.verdict.status is RunStatus.NOT_RUN
    assert "unknown key 'user'; did you mean 'users'?" in refused.verdict.sentence
