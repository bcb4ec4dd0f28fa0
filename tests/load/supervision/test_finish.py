"""Where an attempt's files end up, on local disk and on object storage, when one attempt follows another."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from upath import UPath

from loadtest.load.inside_locust.recorder import Recorder
from loadtest.load.job import LoadJob, Scratch, run_folder_of
from loadtest.load.models import LoadResult, StopReason
from loadtest.load.supervision.facts import ProcessFacts
from loadtest.load.supervision.finish import finish_attempt
from loadtest.load.supervision.result import Observed
from loadtest.load.supervision.tail import WorkerTail
from tests.load.plans import plan_of, write_scenario


def finished_attempt(root: Path, run_folder: str, number: int, requests: int) -> tuple[LoadJob, LoadResult]:
    scratch = Scratch(root / f"scratch-{number}")
    recorder = Recorder(scratch.streams / "local-0", worker="local/0", patterns=[])
    for _ in range(requests):
        recorder.on_request("GET", "/x", 5.0, 7, start_time=2_000_000_000.0, url="http://h/x")
    recorder.flush()
    scratch.locust_log.write_text("Starting Locust\n")
    plan = plan_of(write_scenario(root / "scenario"), "http://127.0.0.1:1")
    job = LoadJob(plan=plan, base_url="http://127.0.0.1:1", run_folder=run_folder, attempt=number)
    facts = ProcessFacts(worker="local-0")
    facts.add(WorkerTail(scratch.streams / "local-0").read_facts())
    return job, finish_attempt(job, scratch, Observed(started_at=datetime.now(UTC)), [facts])


@pytest.mark.parametrize("where", ["local", "memory://bucket/runs/run-1"])
def test_the_latest_attempt_is_on_top_and_each_keeps_its_own(tmp_path: Path, where: str) -> None:
    run_folder = str(tmp_path / "runs" / "run-1") if where == "local" else where
    for number, requests in ((1, 3), (2, 5)):
        job, result = finished_attempt(tmp_path, run_folder, number, requests)
        assert result.samples == requests and result.stop_reason is StopReason.CRASHED
    folder = run_folder_of(job)
    for place, samples in ((folder, 5), (folder.attempt(1), 3), (folder.attempt(2), 5)):
        assert LoadResult.read(place.load).samples == samples
        with UPath(place.samples).open("rb") as stream:
            assert pq.read_table(stream).num_rows == samples
        assert place.locust_log.read_text() == "Starting Locust\n"
        assert '"GET /x"' in place.exemplars.read_text()
    assert not (tmp_path / "scratch-2" / "streams").exists(), "raw streams are not kept twice"
