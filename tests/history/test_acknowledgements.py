"""What people say is checked, kept with name and reason, found again, and survives the loss of the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.history.acknowledgements import accept, acknowledgements, active_mutes, false_alarm, mute, withdraw
from loadtest.history.rebuild import rebuild
from loadtest.history.record import record_run
from tests.support.run_folders import ENDPOINTS, build_run_folder


@pytest.fixture
def runs(installation: Path, url) -> Path:
    for run_id, outcome in (("failed", "fail"), ("passed", "pass"), ("invalid", "invalid"), ("not-run", None)):
        record_run(build_run_folder(installation / "runs", run_id=run_id, outcome=outcome), url)
    return installation / "runs"


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def test_a_mute_holds_where_it_was_made_and_until_it_ends(runs, url):
    item = mute(
        ENDPOINTS[0],
        metric="p95_ms",
        reason="index rebuild",
        by="ada",
        expires_at=tomorrow(),
        scenario="example",
        environment="staging",
        database_url=url,
    )
    now = datetime.now(UTC)
    (found,) = active_mutes("example", "staging", now, database_url=url)
    assert (found.endpoint, found.metric, found.reason, found.by) == (ENDPOINTS[0], "p95_ms", "index rebuild", "ada")
    assert active_mutes("example", "production", now, database_url=url) == []
    assert active_mutes("example", "staging", now + timedelta(days=2), database_url=url) == []
    withdraw(item.id, by="grace", database_url=url)
    assert active_mutes("example", "staging", datetime.now(UTC), database_url=url) == []
    (kept,) = acknowledgements(database_url=url)
    assert kept.withdrawn_by == "grace"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reason": " "}, "needs a reason"),
        ({"by": ""}, "needs the name of a person"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "not in the past"),
        ({"expires_at": datetime(2999, 1, 1, tzinfo=UTC)}, "within a year"),
        ({"endpoint": "GET /api/v1/student"}, "did you mean 'GET /api/v1/students'"),
    ],
)
def test_a_careless_mute_is_refused(runs, url, change, sentence):
    options = {
        "endpoint": ENDPOINTS[0],
        "reason": "index rebuild",
        "by": "ada",
        "expires_at": tomorrow(),
        "scenario": "example",
    } | change
    with pytest.raises(ConfigurationError, match=sentence):
        mute(options.pop("endpoint"), **options, database_url=url)
    assert acknowledgements(database_url=url) == []


def test_what_makes_no_sense_to_accept_or_dismiss_is_refused(runs, url):
    for run_id, sentence in (("invalid", "is invalid"), ("not-run", "has no verdict"), ("nowhere", "knows no run")):
        with pytest.raises(ConfigurationError, match=sentence):
            accept(run_id, reason="because", by="ada", database_url=url)
    with pytest.raises(ConfigurationError, match="raised no alarm"):
        false_alarm("passed", reason="because", by="ada", database_url=url)


def test_hostile_words_are_kept_as_text(runs, url):
    words = "'); DROP TABLE loadtest_runs; -- \x00 \ud800 <!channel>"
    item = accept("failed", reason=words, by="x\x00y", database_url=url)
    (found,) = acknowledgements(database_url=url)
    assert (found.reason, found.by) == (item.reason, item.by)
    assert found.reason.startswith("'); DROP TABLE")
    assert "\x00" not in found.reason + found.by


def test_they_come_back_after_the_loss_of_the_database(runs, url, tmp_path):
    gone = mute(ENDPOINTS[0], reason="index rebuild", by="ada", expires_at=tomorrow(), all_scenarios=True, database_url=url)
    withdraw(gone.id, by="ada", database_url=url)
    accept("failed", reason="new feature", by="grace", database_url=url)
    other = f"sqlite:///{tmp_path}/other.db"
    assert rebuild(runs, database_url=other).acknowledgements == 2
    assert acknowledgements(database_url=other) == acknowledgements(database_url=url)


def test_an_ambiguous_or_unknown_id_is_refused(runs, url):
    for identifier in ("", "%", "nothing"):
        with pytest.raises(ConfigurationError, match="with the id"):
            withdraw(identifier, by="ada", database_url=url)
