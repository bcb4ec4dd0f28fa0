"""Collecting K usable runs: invalid and failed ones are repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.baselines.candidates import read_candidate
from loadtest.baselines.collecting import Collected, collect
from loadtest.errors import InfrastructureError
from tests.baselines.summaries import WHERE, judged_run


def test_until_enough_runs_are_usable(tmp_path: Path) -> None:
    told: list[Collected] = []
    waits: list[float] = []
    candidate = collect(
        lambda number: judged_run(tmp_path, number, lost=number == 2),
        runs=3,
        spacing_s=1800,
        report=told.append,
        sleep=waits.append,
    )
    assert [run.run_id for run in candidate.runs] == ["run-1", "run-3", "run-4"]
    assert [(each.number, each.good) for each in told] == [(1, 1), (2, 1), (3, 2), (4, 3)]
    assert "worker local/1 was lost" in told[1].sentence
    assert waits == [1800, 1800, 1800]


def test_a_failed_run_is_replaced_and_left_out(tmp_path: Path) -> None:
    candidate = collect(lambda number: judged_run(tmp_path, number, **({"p50_ms": 400} if number == 1 else {})), runs=2)
    assert [run.run_id for run in candidate.runs] == ["run-2", "run-3"]
    assert candidate.objections == {} and candidate.left_out["run-1"].startswith("replaced: fail")


def test_where_all_runs_fail_they_stay_and_somebody_must_overrule_it(tmp_path: Path) -> None:
    candidate = collect(lambda number: judged_run(tmp_path, number, p50_ms=400), runs=2)
    assert set(candidate.objections) == {"run-1", "run-2", "run-3", "run-4"}


def test_too_many_invalid_runs_end_it_and_keep_the_good_ones(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="Only 1 of 3 runs were usable in 5 tries"):
        collect(lambda number: judged_run(tmp_path, number, lost=number > 1), runs=3)
    assert [run.run_id for run in read_candidate(*WHERE).runs] == ["run-1"]
