"""Each test has its own runs root, scratch folder and SQLite history; `url` runs a test on both kinds of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres import postgres_server  # noqa: F401 (a fixture)


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("LOADTEST_DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/history/history.db"
    return request.getfixturevalue("postgres_server").create_database()
