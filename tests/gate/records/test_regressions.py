"""What got slower, in short: which finding tells it, and in which words."""

from __future__ import annotations

import pytest

from loadtest.gate.records.findings import Finding
from loadtest.gate.records.regressions import in_plain_words, in_short, is_slower, slower
from loadtest.vocabulary import Criterion, Outcome


def regression(endpoint: str | None = "GET /a", **changes: object) -> Finding:
    finding = Finding(
        criterion=Criterion.REGRESSION,
        outcome=Outcome.FAIL,
        sentence=f"{endpoint} p95 +31 % (90 % interval +14 to +50 %), 8 baseline runs, adj. p .0004",
        endpoint=endpoint,
        metric="p95_ms",
        observed=55.0,
        reference=42.0,
        effect=0.31,
        interval=(0.14, 0.5),
    )
    return finding.model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "GET /a became 31 % slower (p95 42.0 → 55.0 ms)"),
        ({"effect": 1.5, "reference": 22.0}, "GET /a became 2.5 times slower (p95 22.0 → 55.0 ms)"),
        (
            {"effect": 19.0, "reference": 8.0, "observed": 160.0, "metric": "typical_ms"},
            "GET /a became 20 times slower (typical latency 8.00 → 160 ms)",
        ),
        ({"suspect": True}, "GET /a became 31 % slower (p95 42.0 → 55.0 ms), which is not confirmed"),
        ({"effect": -0.2}, ""),
        ({"metric": "tail_ratio"}, ""),
        ({"criterion": Criterion.TARGET}, ""),
        ({"reference": None}, ""),
    ],
)
def test_a_regression_in_plain_words(changes, words):
    assert in_plain_words(regression(**changes)) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "GET /a p95 42.0 → 55.0 ms, +31 % (+14 to +50 %)"),
        (
            {"evidence": {"since": "2026-11-23", "seen_in_runs": 1}},
            "GET /a p95 42.0 → 55.0 ms, +31 % (+14 to +50 %), new in this run",
        ),
        (
            {"evidence": {"since": "2026-11-02", "seen_in_runs": 4, "server_part": "in db", "server_share": 0.76}},
            "GET /a p95 42.0 → 55.0 ms, +31 % (+14 to +50 %), since 2026-11-02 (4 runs), 76 % of it in db",
        ),
        ({"suspect": True, "interval": None}, "GET /a p95 42.0 → 55.0 ms, +31 %, not confirmed"),
        ({"metric": "tail_ratio"}, "GET /a slowest tenth against typical +31 % (+14 to +50 %)"),
        (
            {"criterion": Criterion.GLOBAL, "endpoint": None, "metric": "typical_ms", "observed": None},
            "all requests typical latency +31 % (+14 to +50 %)",
        ),
        ({"criterion": Criterion.TARGET, "sentence": "GET /a p95 is 55 ms, target 50 ms"}, "GET /a p95 is 55 ms, target 50 ms"),
        ({"outcome": Outcome.PASS, "sentence": "GET /a is well"}, "GET /a is well"),
    ],
)
def test_a_regression_in_one_line(changes, words):
    assert in_short(regression(**changes)) == words


def test_one_finding_tells_an_endpoint_and_the_worst_comes_first():
    small = regression("GET /b", outcome=Outcome.WARN, effect=0.1)
    tail = regression("GET /b", outcome=Outcome.WARN, effect=0.9, metric="tail_ratio")
    drift = regression("GET /a", criterion=Criterion.DRIFT, outcome=Outcome.WARN, effect=2.0)
    large = regression("GET /c", effect=3.0)
    assert slower([small, drift, tail, regression(), large]) == (large, regression(), tail)


def test_what_is_muted_faster_or_undecided_did_not_become_slower():
    others = (
        regression(muted=True),
        regression(effect=-0.4),
        regression(outcome=Outcome.INCONCLUSIVE),
        regression(outcome=Outcome.PASS),
        regression(criterion=Criterion.TARGET),
    )
    assert not any(map(is_slower, others))
    assert is_slower(regression(outcome=Outcome.INCONCLUSIVE, suspect=True))
