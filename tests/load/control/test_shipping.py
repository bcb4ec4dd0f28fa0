"""A storage that fails at the end of a load costs nothing: what was measured waits in scratch and is shipped later."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from upath import UPath

from loadtest.load.control.run import ship_left_behind
from loadtest.load.job import LoadJob, Scratch, SupervisorRecord, supervisor_file
from loadtest.load.models import LoadResult, StopReason
from loadtest.load.supervision.finish import ship
from loadtest.processes import ProcessIdentity
from loadtest.run_folder import RunFolder
from loadtest.settings import settings
from loadtest.storage import StorageError
from tests.load.plans import plan_of, write_scenario
from tests.support.s3 import BUCKET, S3Server, s3, s3_server  # noqa: F401 (fixtures)


@pytest.fixture
def measured(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scratch:  # noqa: F811
    """A load that ended, its files still in scratch; its supervisor is gone."""
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", f"s3://{BUCKET}/runs")
    plan = plan_of(write_scenario(tmp_path / "scenario"), "http://127.0.0.1:9")
    folder = RunFolder.of(UPath(f"s3://{BUCKET}/runs"), "simple", "local", "test", plan.run_id)
    scratch = Scratch((settings().scratch / "loads" / plan.run_id / "1").resolve())
    scratch.path.mkdir(parents=True)
    LoadJob(plan=plan, base_url="http://127.0.0.1:9", run_folder=str(folder.path), attempt=1).write(scratch.job)
    dead = ProcessIdentity.of(os.getpid()).model_copy(update={"start_time": 0.0})
    record = SupervisorRecord(identity=dead, scratch=str(scratch.path), attempt=1, ends_by_s=0)
    record.write(supervisor_file(folder.attempt(1)))
    scratch.samples.write_bytes(b"samples")
    scratch.exemplars.write_text("{}")
    scratch.locust_log.write_text("log")
    result_of_load().write(scratch.load)
    return scratch


def result_of_load() -> LoadResult:
    now = datetime.now(UTC)
    return LoadResult.model_validate(
        {"attempt": 1, "load_model": "closed", "stop_reason": StopReason.COMPLETED, "exit_code": 0, "samples": 7}
        | {"started_at": now, "ended_at": now, "steady_started_at": None, "steady_ended_at": None, "workers": ()}
        | {"planned_users": 1, "reached_users": 1, "planned_duration_s": 1, "expected_workers": 1}
    )


def folder_of(scratch: Scratch) -> RunFolder:
    return RunFolder(UPath(LoadJob.read(scratch.job).run_folder))


def test_what_could_not_be_stored_waits_and_is_stored_by_the_next_command(measured: Scratch, s3: S3Server) -> None:  # noqa: F811
    folder = folder_of(measured)
    s3.stop()
    try:
        with pytest.raises(StorageError):
            ship(LoadJob.read(measured.job), measured, LoadResult.read(measured.load), measured.samples, measured.exemplars)
        assert list(ship_left_behind()) == [measured.path]
        assert measured.samples.exists()
    finally:
        s3.start()
    assert ship_left_behind() == {}
    assert LoadResult.read(folder.load).samples == LoadResult.read(folder.attempt(1).load).samples == 7
    assert folder.samples.read_bytes() == folder.attempt(1).samples.read_bytes() == b"samples"
    assert not measured.samples.exists()
    assert ship_left_behind() == {}  # there is nothing more to do


def test_what_is_stored_already_is_left_alone(measured: Scratch) -> None:
    folder = folder_of(measured)
    result_of_load().model_copy(update={"samples": 8}).write(folder.attempt(1).load)
    assert ship_left_behind() == {}
    assert not folder.samples.exists()
