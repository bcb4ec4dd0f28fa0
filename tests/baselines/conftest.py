from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Baselines, candidates and runs of each test in a folder of its own."""
    monkeypatch.setenv("LOADTEST_INCLUDE", str(tmp_path / "include"))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))
    return tmp_path
