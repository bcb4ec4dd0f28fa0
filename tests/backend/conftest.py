"""Each test has scratch files and a run folder of its own, and must leave no process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from loadtest.backend.stop import stop_backend
from loadtest.planning.models import Environment, Plan
from loadtest.run_folder import RunFolder
from tests.backend.plans import ROOT, make_plan, processes_of
from tests.support.postgres import postgres_server  # noqa: F401 (a fixture)


@pytest.fixture
def sample_plan() -> Callable[..., Plan]:
    """A plan of the environment file that people get, with the sample backend."""
    environment = Environment.model_validate(yaml.safe_load((ROOT / "include/environments/staging.yaml").read_text()))
    return lambda **fields: make_plan(environment, **fields)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("LOADTEST_SAMPLE_DATABASE_URL", raising=False)
    monkeypatch.delenv("LOADTEST_HOME", raising=False)
    return tmp_path / "scratch"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    """A run folder; whatever was started for it is stopped at the end, and nothing may be left."""
    folder = RunFolder.of(str(tmp_path / "runs"), "school", "staging", "smoke", "run-1")
    yield folder
    stop_backend(folder)
    assert processes_of(folder) == []
