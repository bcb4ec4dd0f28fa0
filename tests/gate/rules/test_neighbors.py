"""A busy host: what other processes may explain is no sure failure; what they cannot explain stays one."""

from __future__ import annotations

import pytest

from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.neighbors import judge_neighbors
from loadtest.load.models import NeighborFacts, NeighborProcess
from loadtest.vocabulary import Criterion, Outcome

BUSY = NeighborFacts(share=0.5, processes=(NeighborProcess(name="cc1plus", share=0.4), NeighborProcess(name="ld", share=0.08)))
QUIET = NeighborFacts(share=0.05, processes=(NeighborProcess(name="cron", share=0.05),))


def missed(observed: float, lower: float | None, **more: object) -> Finding:
    return Finding(
        criterion=Criterion.TARGET,
        outcome=Outcome.FAIL,
        sentence=f"GET /a p95 is {observed} ms, target 100 ms (95 % lower bound {lower} ms, 90 requests)",
        endpoint="GET /a",
        metric="p95_ms",
        observed=observed,
        reference=100.0,
        evidence={"lower_95": lower},
    ).model_copy(update=more)


def slower(low: float, reference: float = 100.0, **more: object) -> Finding:
    return Finding(
        criterion=Criterion.REGRESSION,
        outcome=Outcome.FAIL,
        sentence="GET /a p95 +80 %",
        endpoint="GET /a",
        metric="p95_ms",
        observed=reference * 1.8,
        reference=reference,
        effect=low + 0.2,
        interval=(low, low + 0.4),
    ).model_copy(update=more)


def test_a_missed_target_is_a_warning_that_names_who_was_busy() -> None:
    target, doubt = judge_neighbors([missed(140, 120)], [BUSY])
    assert target.outcome is Outcome.WARN
    assert target.sentence.endswith("(95 % lower bound 120 ms, 90 requests); not counted as a failure, because the host was busy")
    assert (doubt.criterion, doubt.outcome) == (Criterion.VALIDITY, Outcome.WARN)
    assert doubt.sentence.startswith("other processes took 50 % of the host's CPU (cc1plus 40 %, ld 8 %) in the steady phase")


@pytest.mark.parametrize(
    "finding",
    [
        missed(500, 400),  # half of the CPU explains twice as long, not four times
        slower(2.0),
        missed(0.2, 0.1, metric="error_rate", reference=0.01),
        slower(0.5, criterion=Criterion.ERRORS, metric="error_rate"),
        slower(0.5, outcome=Outcome.INCONCLUSIVE, suspect=True),
        missed(0, None).model_copy(update={"observed": None}),
    ],
)
def test_what_lost_cpu_time_cannot_explain_stays_as_it_is(finding: Finding) -> None:
    judged, doubt = judge_neighbors([finding], [BUSY])
    assert judged == finding
    assert doubt.outcome is Outcome.PASS


def test_a_regression_may_be_the_neighbors_but_not_side_by_side() -> None:
    finding = slower(0.6)
    assert judge_neighbors([finding], [BUSY])[0].outcome is Outcome.WARN
    paired = finding.model_copy(update={"evidence": {"pairs": 30}})
    assert judge_neighbors([paired], [BUSY])[0] == paired


def test_short_requests_wait_for_slices_of_the_scheduler() -> None:
    assert judge_neighbors([slower(2.0, reference=5.0)], [BUSY])[0].outcome is Outcome.WARN


@pytest.mark.parametrize("observed", [[], [None], [QUIET], [None, QUIET], [BUSY, QUIET, QUIET]])
def test_a_quiet_host_or_an_unknown_one_changes_nothing(observed: list[NeighborFacts | None]) -> None:
    assert judge_neighbors([missed(140, 120)], observed) == [missed(140, 120)]
