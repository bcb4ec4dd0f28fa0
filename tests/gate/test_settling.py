"""Suspicions of a run, settled by a comparison side by side with the baseline's build."""

from __future__ import annotations

from loadtest.gate.records.findings import Finding
from loadtest.gate.settling import settled
from loadtest.vocabulary import Criterion, Outcome


def suspicion(endpoint: str | None = "GET /a", criterion: Criterion = Criterion.REGRESSION, **more: object) -> Finding:
    facts = {"metric": "p95_ms", "effect": 0.31, "evidence": {"tolerance": 0.2, "p95_ms_effect": 0.31}}
    return Finding(
        criterion=criterion,
        outcome=Outcome.INCONCLUSIVE,
        endpoint=endpoint,
        sentence="against the baseline",
        suspect=True,
        **facts | more,
    )


def compared(outcome: Outcome, endpoint: str | None = "GET /a", criterion: Criterion = Criterion.REGRESSION) -> Finding:
    return Finding(
        criterion=criterion,
        outcome=outcome,
        endpoint=endpoint,
        sentence=f"{endpoint} side by side",
        effect=0.3,
        interval=(0.2, 0.4),
        evidence={"pairs": 30},
    )


def test_what_both_show_is_confirmed_and_what_only_the_run_showed_is_not() -> None:
    (confirmed,) = settled([suspicion()], [compared(Outcome.FAIL)])
    assert confirmed.outcome is Outcome.FAIL and not confirmed.suspect
    assert confirmed.sentence == "GET /a side by side; confirms the suspicion against the baseline (p95 +31 %)"
    (cleared,) = settled([suspicion()], [compared(Outcome.PASS)])
    assert cleared.outcome is Outcome.PASS and "does not confirm" in cleared.sentence
    (open_,) = settled([suspicion()], [compared(Outcome.INCONCLUSIVE)])
    assert open_.outcome is Outcome.INCONCLUSIVE and not open_.suspect


def test_one_endpoint_is_told_once_and_what_was_not_suspect_stays() -> None:
    fine = suspicion("GET /b").model_copy(update={"suspect": False, "outcome": Outcome.PASS})
    findings = settled(
        [suspicion(), suspicion(metric="typical_ms"), fine], [compared(Outcome.FAIL), compared(Outcome.PASS, "GET /b")]
    )
    assert [finding.endpoint for finding in findings] == ["GET /a", "GET /b"]
    assert findings[1] == fine


def test_a_difference_that_nobody_suspected_is_told_all_the_same() -> None:
    fine = suspicion("GET /b").model_copy(update={"suspect": False, "outcome": Outcome.PASS})
    findings = settled([suspicion(), fine], [compared(Outcome.PASS), compared(Outcome.FAIL, "GET /b")])
    assert {finding.endpoint: finding.outcome for finding in findings} == {"GET /a": Outcome.PASS, "GET /b": Outcome.FAIL}


def test_what_was_not_measured_side_by_side_stays_suspect() -> None:
    assert settled([suspicion()], [compared(Outcome.FAIL, "GET /b")])[0].suspect
    unknown = compared(Outcome.INCONCLUSIVE).model_copy(update={"interval": None})
    assert settled([suspicion()], [unknown])[0].suspect


def test_errors_are_cleared_where_both_builds_fail_alike() -> None:
    more_errors = suspicion(criterion=Criterion.ERRORS, metric="error_rate", effect=None, observed=0.05, reference=0.01)
    (cleared,) = settled([more_errors], [])
    assert cleared.outcome is Outcome.PASS and not cleared.suspect
    assert cleared.sentence == (
        "GET /a fails no more often than the baseline's build, side by side, against the baseline (errors 5 %, baseline 1 %)"
    )
