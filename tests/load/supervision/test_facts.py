"""What processes say about themselves, weighted by time, on one clock, and joined into the result of a load."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadtest.load.inside_locust import self_observation
from loadtest.load.job import LoadJob
from loadtest.load.models import LoadResult, WorkerFacts
from loadtest.load.supervision import tail
from loadtest.load.supervision.convert import Conversion, WorkerStream
from loadtest.load.supervision.facts import ProcessFacts, worker_facts
from loadtest.load.supervision.result import Observed, load_result
from tests.load.plans import plan_of, write_scenario

STARTED = 2_000_000_000.0
NAPS = [150] * 20


def second(t: float, *, length_s: float = 1.0, busy: float = 0.1, overshoots_us: list[int] = NAPS, **more: object) -> dict:
    facts = {"t": STARTED + t, "length_s": length_s, "busy": busy, "overshoots_us": overshoots_us, "clock_step_ms": 0.0}
    return facts | {"users": 10, "samples": 5} | more


def test_a_stream_is_read_to_its_end_and_what_is_no_entry_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MAX_READ_BYTES", 64)
    (tmp_path / "facts.jsonl").write_text("".join(f'{{"t": {number}, "users": 1}}\n' for number in range(100)))
    (tmp_path / "names.jsonl").write_text('17\n{"kind": "planet"}\n{"kind": "endpoint", "id": 0, "name": "GET /a"}\n{"torn')
    worker = tail.WorkerTail(tmp_path)
    assert [fact["t"] for fact in worker.read_facts()] == list(range(100))
    worker.read_names()
    assert worker.names["endpoint"] == {0: "GET /a"}


def observed(*seconds: dict) -> WorkerFacts:
    process = ProcessFacts("local/0")
    process.add(seconds)
    return worker_facts(process, samples=5, torn=0, lost=False, clock_offset_s=None, steady=(STARTED, STARTED + 60))


def test_a_healthy_process_saw_itself_all_the_time() -> None:
    facts = observed(*(second(t) for t in range(1, 61)))
    assert (facts.observed_share, facts.saturated_share, facts.stalled_share) == (1.0, 0.0, 0.0)
    assert facts.loop_overshoot_median_ms == 0.15


def test_one_long_block_counts_as_long_as_it_lasted() -> None:
    blocked = second(40, length_s=30, busy=1.0, overshoots_us=[30_000_000])
    facts = observed(*(second(t) for t in range(1, 11)), blocked, *(second(t) for t in range(41, 61)))
    assert (facts.observed_share, facts.saturated_share, facts.stalled_share) == (1.0, 0.5, 0.5)


def test_a_frozen_process_stood_still_without_any_load_on_its_processor() -> None:
    frozen = second(40, length_s=30, busy=0.0, overshoots_us=[30_000_000])
    facts = observed(*(second(t) for t in range(1, 11)), frozen, *(second(t) for t in range(41, 61)))
    assert (facts.saturated_share, facts.stalled_share) == (0.0, 0.5)


def test_a_process_that_stopped_observing_did_not_see_the_rest() -> None:
    assert observed(second(1), second(2)).observed_share == pytest.approx(2 / 60, abs=1e-4)


def test_a_kernel_without_scheduler_statistics_hides_no_saturation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = tmp_path / "schedstat"
    silent.write_text("0 0 0\n")
    monkeypatch.setattr(self_observation, "SCHEDSTAT", silent)
    observation = self_observation.SelfObservation()
    while observation.second()["busy"] < 0.5:  # ends once the CPU time of this very loop is seen
        sum(range(100_000))


def joined(tmp_path: Path, *processes: ProcessFacts, offsets_s: dict[str, float] | None = None, **profile: object) -> LoadResult:
    settings = {"users": 10, "spawn_rate": 10, "duration_s": 60} | profile
    plan = plan_of(write_scenario(tmp_path / "scenario"), "http://127.0.0.1:1", **settings)
    job = LoadJob(plan=plan, base_url="http://127.0.0.1:1", run_folder=str(tmp_path), attempt=1)
    by_worker = {
        process.worker: WorkerStream(
            folder=tmp_path,
            label=process.worker,
            names={},
            samples=5,
            torn=0,
            raw_names=0,
            clock_offset_s=(offsets_s or {}).get(process.worker),
        )
        for process in processes
        if process.worker != "_master"
    }
    conversion = Conversion(samples=sum(stream.samples for stream in by_worker.values()), by_worker=by_worker)
    return load_result(job, Observed(started_at=datetime.now(UTC)), list(processes), conversion)


def local(users: list[int], **more: object) -> ProcessFacts:
    process = ProcessFacts("local/0")
    process.add([{"event": "test_start", "t": STARTED}, {"event": "spawning_complete", "t": STARTED + 0.5, "users": 10}])
    process.add(second(t, users=count, **more) for t, count in enumerate(users, 1))
    process.add([{"event": "completed", "t": STARTED + 60}])
    return process


def test_users_that_ended_are_no_running_users_whatever_locust_announced(tmp_path: Path) -> None:
    result = joined(tmp_path, local([5] * 60))
    assert (result.reached_users, result.running_users_share) == (5, 0.5)
    assert joined(tmp_path, local([10] * 60)).running_users_share == 1.0


def test_users_of_stages_are_compared_with_the_level_of_their_time(tmp_path: Path) -> None:
    stages = [{"duration": "20s", "users": 4, "ramp": False}, {"duration": "40s", "users": 10, "ramp": False}]
    assert joined(tmp_path, local([4] * 20 + [10] * 40), users=0, stages=stages).running_users_share == 1.0
    assert joined(tmp_path, local([4] * 60), users=0, stages=stages).running_users_share == pytest.approx(0.4)


def test_samples_that_never_reached_the_disk_and_exceptions_of_tasks_are_counted(tmp_path: Path) -> None:
    process = local([10] * 60, samples=9, task_errors=3)
    process.add([{"event": "task_error", "t": STARTED + 1, "error": "KeyError: 'token'"}])
    result = joined(tmp_path, process)
    assert (result.lost_samples, result.task_errors, result.task_error) == (4, 3, "KeyError: 'token'")


@pytest.mark.parametrize("ahead_s", [-65.0, -8.0, 0.4, 20.0, 3600.0])
def test_a_remote_worker_s_clock_changes_nothing(tmp_path: Path, ahead_s: float) -> None:
    def on_clock(ahead_s: float) -> LoadResult:
        master = ProcessFacts("_master")
        master.add([{"event": "test_start", "t": STARTED}, {"event": "spawning_complete", "t": STARTED + 1, "users": 10}])
        master.add([second(t, users=10) for t in range(1, 61)])
        worker = ProcessFacts("eu/0")
        worker.add([{"event": "test_start", "t": STARTED + 0.01 + ahead_s}])
        worker.add(second(t + ahead_s) for t in range(1, 61))
        worker.add([{"event": "completed", "t": STARTED + 60 + ahead_s}])
        return joined(tmp_path, master, worker, offsets_s={"eu/0": -ahead_s or 0.0}, remote_workers=1)

    skewed, exact = on_clock(ahead_s), on_clock(0.0)
    same = ("started_at", "ended_at", "steady_started_at", "steady_ended_at", "running_users_share", "stop_reason")
    for name in same:
        ours, theirs = getattr(skewed, name), getattr(exact, name)
        assert ours == theirs or abs((ours - theirs).total_seconds()) < 1e-3
    assert skewed.workers[0].observed_share == exact.workers[0].observed_share
