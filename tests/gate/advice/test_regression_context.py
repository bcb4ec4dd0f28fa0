"""Since when a regression lasts and which part of the server it comes from, as evidence of its finding."""

from __future__ import annotations

from datetime import timedelta

from loadtest.gate.advice.regression_context import with_context
from loadtest.gate.records.regressions import FirstSeen, server_words, since_words
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.advice.test_recommendations import before, measured, slower, unchanged
from tests.gate.run_facts import STARTED_AT, make_metrics


def told(*findings, components=None, first_seen=None):
    metrics = make_metrics(measured("GET /a", 40.0, **(components or {"db": (300, 27.0, 27.0), "app": (300, 5.0, 5.0)})))
    return with_context(findings, metrics, (before("GET /a"),), first_seen, STARTED_AT)


def test_the_part_of_the_server_and_its_share():
    (finding,) = told(slower("GET /a"))
    assert server_words(finding) == "95 % of it in db"


def test_what_the_server_does_not_report():
    (finding,) = told(slower("GET /a"), components={"db": (300, 8.0, 8.0), "app": (300, 5.0, 5.0)})
    assert server_words(finding) == "100 % of it outside what the server reports"


def test_no_server_time_no_share():
    (finding,) = told(slower("GET /other"))
    assert server_words(finding) == ""


def test_new_in_this_run_or_since_the_first_of_several():
    (finding,) = told(slower("GET /a"), first_seen={})
    assert since_words(finding) == "new in this run"
    earlier = FirstSeen(at=STARTED_AT - timedelta(days=14), runs=2)
    (finding,) = told(slower("GET /a"), first_seen={(Criterion.REGRESSION, "GET /a"): earlier})
    assert since_words(finding) == f"since {STARTED_AT - timedelta(days=14):%Y-%m-%d} (3 runs)"


def test_an_unknown_history_claims_nothing():
    (finding,) = told(slower("GET /a"), first_seen=None)
    assert since_words(finding) == ""


def test_only_alarms_are_asked_about():
    well = unchanged("GET /a")
    assert told(well, first_seen={}) == [well]
    suspect = slower("GET /a", outcome=Outcome.INCONCLUSIVE, suspect=True)
    assert since_words(told(suspect, first_seen={})[0]) == "new in this run"
