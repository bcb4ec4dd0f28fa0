"""Whether a run's numbers are to be believed, for those who read only metrics."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.reporting.verdict_prom import render_verdict_prom


def outcomes(run) -> dict[str, float]:
    (family,) = text_string_to_metric_families(render_verdict_prom(run).decode())
    assert (family.name, family.type) == ("loadtest_run_outcome", "gauge")
    return {sample.labels["outcome"]: sample.value for sample in family.samples}


@pytest.mark.parametrize("outcome", ["pass", "warn", "fail", "inconclusive", "invalid"])
def test_exactly_the_runs_own_outcome_is_one(run_of, outcome):
    found = outcomes(run_of(outcome=outcome))
    assert found == dict.fromkeys(found, 0.0) | {outcome: 1.0}
    assert set(found) == {"pass", "warn", "fail", "inconclusive", "invalid", "not_run", "not_judged"}


def test_a_run_that_never_was_or_was_not_judged_is_no_pass(run_of):
    assert outcomes(run_of(outcome=None))["not_run"] == 1
    assert outcomes(run_of(without=("verdict",), run_id="r2"))["not_judged"] == 1


def test_its_series_are_those_of_the_metrics(run_of):
    (family,) = text_string_to_metric_families(render_verdict_prom(run_of()).decode())
    labels = {name: value for name, value in family.samples[0].labels.items() if name != "outcome"}
    assert labels == {"scenario": "example", "environment": "staging", "profile": "medium"}
