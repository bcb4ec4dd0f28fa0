"""The scenario student_api: plain Locust, no failures, every endpoint that has a target gets requests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from loadtest.planning.criteria import Criteria, Target
from loadtest.planning.models import Environment, Scenario
from tests.sample_backend.running import INCLUDE, environment, running

SCENARIO = INCLUDE / "scenarios" / "student_api"


def read(name: str) -> dict:
    return yaml.safe_load((SCENARIO / name).read_text())


@pytest.fixture(scope="module")
def requests() -> dict[str, int]:
    """Requests per endpoint of twelve users in a few seconds, run as anybody would run the file, without our product."""
    files = f"{SCENARIO / 'locustfile.py'},{Path(__file__).with_name('collector.py')}"
    options = ["--headless", "-u", "12", "-r", "12", "-t", "8s", "-s", "5", "--only-summary", "--skip-log"]
    with running() as base_url:
        done = subprocess.run(
            [sys.executable, "-m", "locust", "-f", files, "--host", base_url, *options],
            cwd="/", env=environment(HOME="/nonexistent"), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('{"seen"')))
    assert told["failures"] == [] and done.returncode == 0, done.stderr
    return told["seen"]


@pytest.mark.slow
def test_every_endpoint_with_a_target_gets_requests(requests: dict[str, int]) -> None:
    assert len(requests) >= 14
    assert set(read("targets.yaml")["endpoints"]) <= set(requests)


@pytest.mark.slow
def test_no_endpoint_is_left_behind(requests: dict[str, int]) -> None:
    total = sum(requests.values())
    assert min(requests.values()) / total > 1 / 120, requests


def test_targets_are_those_of_the_product() -> None:
    targets = read("targets.yaml")
    for endpoint, limits in targets["endpoints"].items():
        for metric, limit in limits.items():
            assert Target(endpoint=endpoint, metric=metric, limit=limit).limit == limit
    assert targets["endpoints"]["POST /api/v1/attendance"] == {"p95_ms": 80}
    assert targets["total"] == {"error_rate": "1%"}


def test_the_files_are_valid() -> None:
    assert Scenario(**read("scenario.yaml"), folder=str(SCENARIO)).name == "student_api"
    assert Criteria(**read("criteria.yaml")) == Criteria()


def test_the_environments_are_valid() -> None:
    staging, production = (
        Environment.model_validate(yaml.safe_load((INCLUDE / "environments" / f"{name}.yaml").read_text()))
        for name in ("staging", "production")
    )
    assert staging.starts_backend and staging.allows_slowdown and not staging.needs_approval
    assert production.needs_approval and not production.starts_backend and not production.allows_slowdown
    assert production.allowed_profiles == ("smoke", "light")
