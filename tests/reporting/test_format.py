"""Numbers look the same in every channel, and a missing one is a dash, never a zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from loadtest import wording
from loadtest.gate.records.findings import Finding
from loadtest.reporting import format
from loadtest.vocabulary import Criterion, Evidence, Outcome


def test_missing_numbers_are_dashes():
    numbers = (wording.ms, wording.ms_number, wording.percent, wording.number, wording.rate)
    functions = (*numbers, wording.change, wording.change_interval)
    assert {function(None) for function in functions} == {"–"}
    assert wording.moment(None) == wording.clock(None) == wording.duration(None) == wording.commit(None) == "–"
    assert wording.quantity("p95_ms", None) == "–"


@pytest.mark.parametrize(("value", "text"), [(0.254, "0.25"), (12.34, "12.3"), (1234.5, "1,234"), (0, "0.00")])
def test_rates(value, text):
    assert wording.rate(value) == text


def test_an_interval_of_changes_has_one_unit():
    assert wording.change_interval((0.14, 0.5)) == "+14 to +50 %"
    assert wording.change_interval((-0.061, 0.09)) == "-6 to +9 %"


def test_times_are_utc_whatever_zone_they_came_in():
    there = datetime(2026, 11, 23, 4, 0, 8, tzinfo=timezone(timedelta(hours=2)))
    assert wording.moment(there) == "2026-11-23 02:00:08 UTC"
    assert wording.clock(there) == "02:00:08"
    assert wording.moment(datetime(2026, 11, 23, 2, 0, 8)) == wording.moment(datetime(2026, 11, 23, 2, 0, 8, tzinfo=UTC))


def test_hashes_are_short_and_tags_whole():
    assert wording.commit("6a1d209c4e5f60718293a4b5c6d7e8f901234567") == "6a1d209c4e"
    assert wording.commit("release-2026.11") == "release-2026.11"


def test_targets_name_their_direction():
    assert format.target("p95_ms", 250) == "p95 ≤ 250 ms"
    assert format.target("error_rate", 0.01) == "error rate ≤ 1 %"
    assert format.target("rps", 50) == "throughput ≥ 50 per second"


def test_every_outcome_has_a_word_and_a_sign_of_its_own():
    outcomes = [*Outcome, None]
    assert len({format.outcome_label(outcome) for outcome in outcomes}) == len(outcomes)
    assert len({format.outcome_sign(outcome) for outcome in outcomes}) == len(outcomes)


def test_an_indicative_pass_says_so():
    assert format.verdict_label(Outcome.PASS, Evidence.INDICATIVE) == "Pass (indicative)"
    assert format.verdict_label(Outcome.FAIL, Evidence.INDICATIVE) == "Fail"


@pytest.mark.parametrize(
    ("sentence", "outcome", "headline"),
    [
        ("fail: GET /a p95 +31 %", Outcome.FAIL, "GET /a p95 +31 %"),
        ("pass (indicative): nothing surely beyond", Outcome.PASS, "Nothing surely beyond"),
        ("not run: the approval was rejected", None, "The approval was rejected"),
        ("invalid: p95 is of half the load", Outcome.INVALID, "p95 is of half the load"),
        ("fail: all is well", Outcome.PASS, "Fail: all is well"),
    ],
)
def test_the_headline_does_not_repeat_its_badge(sentence, outcome, headline):
    assert format.headline(sentence, outcome) == headline


def test_a_sentence_ends_with_a_stop():
    assert wording.sentence("8 not (cannot exclude +38 %)") == "8 not (cannot exclude +38 %)."
    assert wording.sentence("it ended (see the log.)") == "It ended (see the log.)"


def test_the_numbers_of_a_finding():
    regression = Finding(
        criterion=Criterion.REGRESSION, outcome=Outcome.FAIL, sentence="", metric="p95_ms", effect=0.31, interval=(0.14, 0.5)
    )
    target = Finding(criterion=Criterion.TARGET, outcome=Outcome.PASS, sentence="", metric="p95_ms", observed=93.4, reference=250)
    assert format.finding_numbers(regression) == "+31 % (+14 to +50 %)"
    assert format.finding_numbers(target) == "93.4 ms of 250 ms"
    assert format.finding_numbers(Finding(criterion=Criterion.VALIDITY, outcome=Outcome.PASS, sentence="")) == ""
