"""A leak is what surely grows under constant load, and goes on growing: not a start, not noise."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from loadtest.gate.rules.leaks import MIB, growth, judge_leaks
from loadtest.load.models import BackendUse
from loadtest.vocabulary import Outcome
from tests.support.run_folders import STARTED_AT

SECONDS = np.arange(600.0)


def judged(memory_mib: np.ndarray, files: np.ndarray | None = None, *, leaks: str = "fail"):
    """Findings about a steady phase in which the backend held this much, a value a second."""
    files = np.full(len(memory_mib), 40.0) if files is None else files
    use = [
        BackendUse(at=STARTED_AT + timedelta(seconds=second), memory_bytes=int(mib * MIB), open_files=int(count))
        for second, (mib, count) in enumerate(zip(memory_mib, files, strict=True))
    ]
    end = STARTED_AT + timedelta(seconds=len(memory_mib))
    load = SimpleNamespace(steady_started_at=STARTED_AT, steady_ended_at=end, backend_use=use)
    return list(judge_leaks(SimpleNamespace(load=load, plan=SimpleNamespace(profile=SimpleNamespace(leaks=leaks)))))


def noise(seed: int, size: float) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, len(SECONDS))


@pytest.mark.parametrize("seed", range(5))
def test_a_megabyte_a_minute_is_found(seed: int) -> None:
    (finding,) = judged(120 + SECONDS / 60 + noise(seed, 0.5))
    assert (finding.outcome, finding.evidence["rule"]) == (Outcome.FAIL, "memory_leak")
    assert 45 <= finding.evidence["per_hour_low"] / MIB <= finding.evidence["per_hour"] / MIB <= 75


def test_a_usual_profile_only_warns() -> None:
    (finding,) = judged(120 + SECONDS / 60 + noise(1, 0.5), leaks="warn")
    assert finding.outcome is Outcome.WARN


@pytest.mark.parametrize("seed", range(20))
def test_noise_and_warming_up_are_no_leak(seed: int) -> None:
    warming = 40 * (1 - np.exp(-SECONDS / 60))
    assert judged(120 + warming + noise(seed, 1.0)) == []


def test_a_step_is_no_leak() -> None:
    assert judged(120 + 10.0 * (SECONDS > 200) + noise(1, 0.5)) == []


def test_open_files_that_are_never_closed_are_found() -> None:
    (finding,) = judged(120 + noise(1, 0.5), 40 + np.floor(SECONDS / 20))
    assert finding.evidence["rule"] == "open_files_leak" and "open files grew" in finding.sentence


def test_a_short_load_says_nothing() -> None:
    assert judged((120 + SECONDS / 6)[:300]) == []


def test_what_shrinks_or_rests_does_not_grow() -> None:
    hours = SECONDS / 3600
    assert growth(hours, 200 - hours, 1) is None
    assert growth(hours, np.full(len(hours), 7.0), 1) is None


# MiB of the sample backend without a leak, sixty parts of ten minutes: pools and arenas fill in steps.
LEAK_FREE = [
    *(
        126,
        147,
        147,
        169,
        169,
        169,
        169,
        169,
        188,
        188,
        188,
        188,
        188,
        188,
        188,
        188,
        188,
        188,
        188,
        188,
        188,
        188,
        188,
        189,
        189,
    ),
    *(
        189,
        189,
        189,
        189,
        189,
        191,
        191,
        191,
        191,
        191,
        191,
        191,
        191,
        191,
        191,
        210,
        210,
        210,
        210,
        210,
        210,
        210,
        210,
        210,
        210,
    ),
    *(210, 212, 212, 212, 212, 212, 212, 212, 212, 212),
]


def test_a_service_that_grows_in_steps_is_not_leaking() -> None:
    assert judged(np.repeat(np.array(LEAK_FREE, float), 10)) == []


def test_a_leak_is_found_beside_such_steps_and_its_size_is_not_theirs() -> None:
    (finding,) = judged(np.repeat(np.array(LEAK_FREE, float), 10) + SECONDS / 60)
    assert 45 <= finding.evidence["per_hour"] / MIB <= 90
