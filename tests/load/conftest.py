from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.http_server import counting_server

settings.register_profile("load", deadline=None)  # time is for benchmarks
settings.load_profile("load")


@pytest.fixture
def server():
    with counting_server() as running:
        yield running


@pytest.fixture(autouse=True)
def own_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


@pytest.fixture(autouse=True)
def fleet_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masters of tests listen for workers of this machine only, so they need no token."""
    monkeypatch.setenv("LOADTEST_MASTER_BIND", "127.0.0.1")
