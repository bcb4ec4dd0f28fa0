"""A whole search for the capacity, from request to report, against a service whose capacity is known."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from loadtest.gate.records.capacity import CapacityKind
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.history.queries import drift_series
from loadtest.pipeline.stages import run_once
from loadtest.planning.models import Plan
from loadtest.planning.request import Request
from loadtest.settings import settings
from loadtest.vocabulary import Outcome
from tests.support.small_include import build_include, write

pytestmark = pytest.mark.slow

SERVICE = Path(__file__).parents[1] / "support/pool_service.py"
WORKERS, SERVICE_S, WAIT_S, TARGET_S = 4, 0.05, 0.45, 0.4
TRUTH = WORKERS * (TARGET_S + WAIT_S) / SERVICE_S
LOCUSTFILE = f"""
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant({WAIT_S})

    @task
    def work(self):
        self.client.get("/work")
"""


def test_the_capacity_is_found_reported_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    include = build_include(tmp_path)
    (include / "scenarios/toy/locustfile.py").write_text(LOCUSTFILE)
    write(include / "scenarios/toy/targets.yaml", {"endpoints": {"GET /work": {"p95_ms": TARGET_S * 1000}}})
    search = {"start": 10, "step": "6s", "settle": "2s", "hold": "10s", "resolution": "15%", "repeats": 6}
    write(
        include / "profiles/search.yaml",
        {"purpose": "test", "users": 300, "duration": "4m", "host_probe": False, "search": search},
    )
    backend = {"command": [sys.executable, str(SERVICE), "{port}", str(WORKERS), str(SERVICE_S)], "start_timeout": "10s"}
    write(include / "environments/pool.yaml", {"backend": backend})
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))

    outcome = run_once(Request(scenario="toy", environment="pool", profile="search"), settings())

    report = RegressionReport.read(outcome.folder.regression_report)
    capacity = report.capacity
    assert capacity is not None
    assert capacity.kind is CapacityKind.FOUND
    assert capacity.low < TRUTH * 1.15
    assert capacity.high > TRUTH * 0.7  # a machine that is busy itself makes answers later, never earlier
    assert capacity.steps[-1].is_hold
    assert outcome.verdict.outcome in (Outcome.PASS, Outcome.WARN), outcome.verdict.sentence
    assert f"the service holds {capacity.users:.0f} users" in " ".join(finding.sentence for finding in outcome.verdict.findings)
    assert "Steps of the search" in outcome.folder.report.read_text()
    assert "| Users | Held |" in outcome.folder.summary.read_text()
    other = Plan.read(outcome.folder.plan).model_copy(update={"run_id": "another"})
    (kept,) = drift_series(other)
    assert kept.capacity is not None
    assert kept.capacity.users == pytest.approx(capacity.users)
