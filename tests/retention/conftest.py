"""An installation with two environments, and run folders full of bulky files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest.history.record import record_run
from loadtest.run_folder import RunFolder
from tests.support.postgres import postgres_server  # noqa: F401 (a fixture)
from tests.support.run_folders import build_run_folder

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOADTEST_HOME", str(tmp_path))
    monkeypatch.setenv("LOADTEST_INCLUDE", str(tmp_path / "include"))
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("LOADTEST_DATABASE_URL", raising=False)
    monkeypatch.delenv("LOADTEST_SAMPLE_DATABASE_URL", raising=False)
    environments = tmp_path / "include" / "environments"
    environments.mkdir(parents=True)
    (environments / "staging.yaml").write_text("base_url: http://127.0.0.1:9\n")
    (environments / "nightly.yaml").write_text("base_url: http://127.0.0.1:9\nartifact_retention_days: 7\n")
    return tmp_path


@pytest.fixture
def make_run(installation: Path):
    """A run that ended `days` ago, its files untouched since then, recorded in the history."""

    def make_run(run_id: str, days: float, *, record: bool = True, root: Path | None = None, **options) -> RunFolder:
        started_at = NOW - timedelta(days=days)
        folder = build_run_folder(root or installation / "runs", run_id=run_id, started_at=started_at, **options)
        fill(folder, days)
        if record:
            record_run(folder)
        return folder

    return make_run


def fill(folder: RunFolder, days: float) -> None:
    if folder.plan.exists():
        attempt = folder.attempt(1)
        Path(str(attempt.path)).mkdir(parents=True)
        Path(str(folder.data_docs)).mkdir()
        for path in (
            folder.samples,
            attempt.samples,
            attempt.load,
            folder.data_docs / "index.html",
            folder.report,
            folder.locust_log,
        ):
            Path(str(path)).write_bytes(b"x" * 10_000)
        for path in (folder.summary, folder.junit):
            Path(str(path)).write_bytes(b"small")
    age(Path(str(folder.path)), days)


def age(path: Path, days: float) -> None:
    """Make everything below `path` look unchanged for `days`."""
    import os

    when = (NOW - timedelta(days=days)).timestamp()
    for entry in [*path.rglob("*"), path]:
        os.utime(entry, (when, when), follow_symlinks=False)
