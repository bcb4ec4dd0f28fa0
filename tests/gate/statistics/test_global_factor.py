"""All endpoints together slower: build, host, or nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from loadtest.gate.comparison import compare
from loadtest.gate.records.findings import Finding
from loadtest.planning.criteria import Criteria
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.simulated_summaries import NAMES, make_baseline, make_run

EVERYWHERE = dict.fromkeys(NAMES, math.log(1.5))


def finding(*, change: float, probe: float | None, host: float = 0.0, confirmed: bool = True) -> Finding:
    rng = np.random.default_rng(1)
    baseline = make_baseline(rng, probe_s=None if probe is None else 0.1)
    shift = dict.fromkeys(NAMES, math.log1p(change))
    runs = [
        make_run(rng, 20 + number, change=shift, host=host, build="new", probe_s=None if probe is None else probe)
        for number in range(3)
    ]
    result = compare(baseline, runs, Criteria(), 0.2, confirmed=confirmed)
    (found,) = [one for one in result.findings if one.criterion is Criterion.GLOBAL]
    return found


def test_slower_build_fails_when_the_probe_says_the_host_is_well() -> None:
    suspect = finding(change=0.5, probe=0.1, confirmed=False)
    assert suspect.suspect and suspect.outcome is Outcome.INCONCLUSIVE
    failed = finding(change=0.5, probe=0.1)
    assert failed.outcome is Outcome.FAIL and not failed.suspect
    assert "the build is slower everywhere" in failed.sentence


def test_slower_host_is_inconclusive() -> None:
    found = finding(change=0.0, host=math.log(1.5), probe=0.15)
    assert found.outcome is Outcome.INCONCLUSIVE and not found.suspect
    assert "the host was slower" in found.sentence


def test_without_a_probe_it_warns() -> None:
    found = finding(change=0.5, probe=None)
    assert found.outcome is Outcome.WARN
    assert "without a host probe" in found.sentence


def test_half_of_the_endpoints_slower_is_no_pass_with_or_without_a_probe() -> None:
    for seed in range(10):
        for probe_s in (0.1, None):
            rng = np.random.default_rng(seed)
            half = dict.fromkeys(NAMES[::2], math.log(1.2))
            run = make_run(rng, 20, change=half, host=0.0, build="new", probe_s=probe_s)
            result = compare(make_baseline(rng, probe_s=probe_s), [run], Criteria(), 0.2, confirmed=False)
            found = next(one for one in result.findings if one.criterion is Criterion.GLOBAL)
            assert result.suspects or found.outcome is Outcome.INCONCLUSIVE


def test_half_of_the_endpoints_slower_fails_where_the_probe_says_the_host_is_well() -> None:
    half = dict.fromkeys(NAMES[::2], math.log(1.25))
    for seed in range(5):
        rng = np.random.default_rng(seed)
        baseline = make_baseline(rng, probe_s=0.1, host=0.0)
        runs = [make_run(rng, 20 + number, change=half, host=0.0, build="new", probe_s=0.1) for number in range(3)]
        result = compare(baseline, runs, Criteria(), 0.2, confirmed=True)
        found = next(one for one in result.findings if one.criterion is Criterion.GLOBAL)
        assert found.outcome is Outcome.FAIL
        assert "the build is slower" in found.sentence


def test_a_single_slow_endpoint_does_not_speak_for_half_of_them() -> None:
    rng = np.random.default_rng(2)
    baseline = make_baseline(rng, probe_s=0.1, host=0.0)
    runs = [make_run(rng, 20 + number, change={NAMES[0]: math.log(4)}, host=0.0, build="new", probe_s=0.1) for number in range(3)]
    result = compare(baseline, runs, Criteria(), 0.2, confirmed=True)
    found = next(one for one in result.findings if one.criterion is Criterion.GLOBAL)
    assert found.outcome is Outcome.PASS


def test_without_a_probe_a_pass_must_exclude_a_common_slowdown() -> None:
    found = finding(change=0.1, probe=None, confirmed=False)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "cannot exclude that all endpoints, or half of them, are +" in found.sentence
    assert "without a host probe the host's part is unknown" in found.sentence


def test_ordinary_host_passes_and_says_what_is_excluded() -> None:
    found = finding(change=0.0, probe=0.1)
    assert found.outcome is Outcome.PASS
    assert "slower by 20 % is excluded" in found.sentence
    assert found.interval is not None and found.interval[0] < 0 < found.interval[1]


@pytest.mark.parametrize("endpoints", [1, 2])
def test_too_few_endpoints_have_no_common_factor(endpoints: int) -> None:
    rng = np.random.default_rng(2)
    names = NAMES[:endpoints]
    result = compare(make_baseline(rng, names=names), [make_run(rng, 20, names=names)], Criteria(), 0.2, confirmed=False)
    assert not [one for one in result.findings if one.criterion is Criterion.GLOBAL]
    assert result.comparison.host_factor is None
