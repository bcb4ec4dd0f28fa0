"""Requests that never left say nothing about the service."""

from __future__ import annotations

import pytest

from loadtest.analysis.models import FailureGroup
from loadtest.gate.rules.not_sent import judge_not_sent
from loadtest.vocabulary import Outcome
from tests.gate.run_facts import STARTED_AT, make_endpoint, make_metrics

CAUSE = "ForeignHostError: not sent to https://cdn.example.com:443, because this run may only send load to http://127.0.0.1:8000"


@pytest.mark.parametrize(("count", "outcome"), [(500, Outcome.INVALID), (11, Outcome.INVALID), (10, Outcome.WARN)])
def test_more_than_one_request_in_a_hundred_makes_the_run_invalid(count: int, outcome: Outcome) -> None:
    group = FailureGroup(endpoint="GET /logo", cause=CAUSE, status=0, count=count, first_at=STARTED_AT, last_at=STARTED_AT)
    (finding,) = judge_not_sent(make_metrics(make_endpoint("GET /logo", 1_000, errors=count)), [group])
    assert finding.outcome is outcome
    assert finding.sentence.startswith(f"{count} requests to https://cdn.example.com:443 were not sent")


def test_failures_of_the_service_are_another_matter() -> None:
    refused = FailureGroup(
        endpoint="GET /", cause="Connection refused", status=0, count=9, first_at=STARTED_AT, last_at=STARTED_AT
    )
    assert judge_not_sent(make_metrics(make_endpoint("GET /", 1_000, errors=9)), [refused]) == []
