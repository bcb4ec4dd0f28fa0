"""Fixtures of the gate's tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def include_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An include folder and a scratch folder of the test's own, so that no baseline or history of a project is found."""
    monkeypatch.setenv("LOADTEST_INCLUDE", str(tmp_path / "include"))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    return tmp_path / "include"
