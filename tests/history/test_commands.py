"""The commands of history, acknowledgements, retention and trends as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.cli import main
from loadtest.history.record import record_run
from tests.support.run_folders import ENDPOINTS, build_run_folder


@pytest.fixture
def call(installation: Path, capsys, monkeypatch):
    """Run the command line; returns (exit code, standard output, standard error)."""
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("LOGNAME", "ada")

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            main(list(arguments))
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def failed(installation: Path) -> str:
    folder = build_run_folder(installation / "runs", run_id="weekly-1", outcome="fail", hostile=True)
    record_run(folder)
    return folder.run_id


def test_runs_are_listed_and_shown(call, failed):
    code, out, _ = call("history", "list")
    assert code == 0
    assert "weekly-1" in out
    assert "fail" in out
    _, out, _ = call("history", "list", "--format", "json")
    assert json.loads(out)[0]["run_id"] == "weekly-1"
    _, out, _ = call("history", "show", "weekly-1")
    assert "fail" in out
    assert "\x1b[31m" not in out
    assert "\u202e" not in out
    _, out, _ = call("history", "show", "weekly-1", "--format", "json")
    assert json.loads(out)["run"]["outcome"] == "fail"


def test_an_empty_history_says_what_to_do(call):
    assert "history rebuild" in call("history", "list")[1]
    code, _, err = call("history", "show", "nothing")
    assert code == 2
    assert err == "loadtest: The history knows no run 'nothing'; see `loadtest history list`.\n"


def test_the_history_moves_to_another_database(call, failed, installation, monkeypatch):
    file = installation / "all.jsonl"
    assert call("history", "export", "-o", str(file))[0] == 0
    monkeypatch.setenv("LOADTEST_DATABASE_URL", f"sqlite:///{installation}/new.db")
    assert "Imported 1 runs" in call("history", "import", str(file))[1]
    assert "weekly-1" in call("history", "list")[1]
    assert call("history", "import", str(installation / "missing.csv"))[0] == 2
    code, _, err = call("history", "export", "-o", str(installation / "no" / "folder.jsonl"))
    assert code == 2
    assert "cannot be written" in err


def test_a_rebuild_tells_what_it_could_not_read(call, failed, installation):
    build_run_folder(installation / "runs", run_id="damaged").verdict.write_text("{")
    code, out, err = call("history", "rebuild")
    assert code == 1
    assert "Recorded 1 runs" in out
    assert "damaged" in err
    assert call("history", "rebuild", "--runs-root", str(installation / "nowhere"))[0] == 2


def test_people_acknowledge_and_take_back(call, failed):
    code, out, _ = call("mute", ENDPOINTS[1], "--reason", "index rebuild", "--expires", "14d", "--scenario", "example")
    assert code == 0
    assert out.startswith("Muted until")
    assert f"{ENDPOINTS[1]} (example, every environment, every profile)" in out
    assert call("mute", "all", "--reason", "moving house", "--expires", "2099-01-01", "--all-scenarios")[0] == 2
    code, _, err = call("mute", ENDPOINTS[1], "--reason", "x y z", "--expires", "soon")
    assert code == 2
    assert "--expires is a time such as 14d" in err
    assert call("accept", failed, "--reason", "new feature")[0] == 0
    assert call("false-alarm", failed, ENDPOINTS[1], "--reason", "noisy neighbor", "--by", "grace")[0] == 0
    found = json.loads(call("acknowledgements", "--format", "json")[1])
    assert {(item["kind"], item["by"]) for item in found} == {("mute", "ada"), ("accept", "ada"), ("false_alarm", "grace")}
    muted = next(item for item in found if item["kind"] == "mute")
    assert call("withdraw", muted["id"][:8])[0] == 0
    assert "index rebuild" not in call("acknowledgements")[1]
    assert "withdrawn" in call("acknowledgements", "--all")[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scenario", "example", "--metric", "p95"], "There is no metric 'p95'; did you mean p95_ms?"),
        (["--scenario", "example", "--metric", "eror_rate"], "did you mean error_rate?"),
        (["--scenario", "exampel"], "There is no scenario 'exampel'; did you mean 'example'?"),
        (["--scenario", "example", "--environment", "stagng"], "did you mean 'staging'?"),
        ([], "--scenario NAME for one, or --all-scenarios for every one"),
        (["--scenario", "example", "--all-scenarios"], "not both"),
    ],
)
def test_a_mute_that_would_match_nothing_or_everything_by_accident_is_refused(call, failed, options, words):
    code, _, err = call("mute", ENDPOINTS[1], "--reason", "index rebuild", *options)
    assert code == 2
    assert words in err
    assert json.loads(call("acknowledgements", "--format", "json")[1]) == []


def test_an_accepted_level_moves_the_baseline_by_a_command_that_exists(call, failed):
    out = call("accept", failed, "--reason", "new feature")[1]
    assert "loadtest baseline collect --scenario example --environment staging --profile" in out


def test_retention_shows_first(call, failed):
    code, out, _ = call("retention")
    assert code == 0
    assert out == "Nothing is old enough to be deleted.\n"
    assert call("retention", "--apply")[1] == out


def test_trends_are_written(call, failed, installation):
    code, _, _ = call("trends", "--weeks", "520", "--scenario", "example")
    assert code == 0
    assert list((installation / "runs" / "_trends").glob("*/trends.html"))


def test_a_database_that_is_away_ends_in_a_sentence(call, monkeypatch):
    monkeypatch.setenv("LOADTEST_DATABASE_URL", "postgresql://me:s3cret@127.0.0.1:1/history")
    for command in (("history", "list"), ("acknowledgements",), ("retention",), ("trends",)):
        code, out, err = call(*command)
        assert code == 2
        assert err.startswith("loadtest: The history database history on 127.0.0.1:1 cannot be reached")
        assert "s3cret" not in out + err
