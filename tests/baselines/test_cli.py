"""`loadtest baseline` as people and programs use it: what it prints, what it refuses, how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.baselines.candidates import add_run, candidate_path
from loadtest.baselines.store import baseline_path, read_baselines
from loadtest.cli import main
from tests.baselines.summaries import WHERE, judged_run

OF = ["--scenario", "shop", "--environment", "staging", "--profile", "light"]
SIGNED = ["--by", "ada", "--reason", "first reference"]


def command(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `loadtest baseline ...`."""
    with pytest.raises(SystemExit) as ended:
        main(["baseline", *arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


@pytest.fixture
def collected(own_project: Path) -> Path:
    for number in range(1, 6):
        add_run(judged_run(own_project / "runs", number))
    return own_project


def test_the_first_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command("show", *OF, capsys=capsys)
    assert code == 0
    assert "There is no baseline yet" in out
    assert "loadtest baseline collect --scenario shop --environment staging --profile light --runs 8 --promote" in out


@pytest.mark.usefixtures("collected")
def test_from_a_candidate_to_an_anchor_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command("show", *OF, capsys=capsys)
    assert "Candidate: 5 runs, not accepted yet." in out
    code, out, _ = command("promote", *OF, *SIGNED, capsys=capsys)
    assert code == 0
    assert "Accepted by ada: version 1 with 5 runs is the anchor." in out
    assert "All runs are of one build" in out
    assert not candidate_path(*WHERE).exists()

    code, out, _ = command("show", *OF, capsys=capsys)
    assert "version 1 of 1" in out
    assert "GET /a" in out and "run-5" in out

    add_run(judged_run(Path(baseline_path(*WHERE)).parent / "more", 9, p50_ms=21))
    code, out, _ = command("promote", *OF, *SIGNED, "--extend", "--format", "json", capsys=capsys)
    assert [run["run_id"] for run in json.loads(out)["runs"]] == ["run-1", "run-2", "run-3", "run-4", "run-5", "run-9"]

    code, out, _ = command("diff", *OF, "--format", "json", capsys=capsys)
    change = json.loads(out)
    assert (change["from"], change["to"], change["added"], change["comparable"]) == (1, 2, ["run-9"], True)
    code, out, _ = command("diff", *OF, capsys=capsys)
    assert "Version 1 to 2: +1 runs, -0 runs" in out

    code, out, _ = command("rollback", *OF, "--by", "grace", "--reason", "too early", capsys=capsys)
    assert code == 0
    assert "version 3 with 5 runs" in out
    code, out, _ = command("history", *OF, "--format", "json", capsys=capsys)
    assert [(row["version"], row["accepted_by"], row["from_version"]) for row in json.loads(out)] == [
        (1, "ada", None),
        (2, "ada", None),
        (3, "grace", 1),
    ]
    code, out, _ = command("history", *OF, capsys=capsys)
    assert "too early (brings back version 1)" in out


def test_a_run_is_added_by_its_id(own_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged_run(own_project / "runs", 1)
    code, out, _ = command("add", "run-1", capsys=capsys)
    assert code == 0
    assert "Candidate: 1 runs" in out


def test_a_failed_run_needs_force_or_is_left_out(own_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2, 3):
        add_run(judged_run(own_project / "runs", number, p50_ms=400 if number == 2 else 20))
    code, _, err = command("promote", *OF, *SIGNED, capsys=capsys)
    assert code == 2
    assert err.startswith("loadtest: 1 of 3 runs should not become a reference (run-2: fail: GET /a p95")
    assert "Traceback" not in err
    code, out, _ = command("promote", *OF, *SIGNED, "--without", "run-2", capsys=capsys)
    assert code == 0
    assert "version 1 with 2 runs" in out
    assert read_baselines(*WHERE).anchor.provenance.forced is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["promote", *OF, "--by", "ada", "--reason", "why not"], "No run was collected"),
        (["promote", *OF, "--by", " ", "--reason", "why not"], "--by NAME"),
        (["diff", *OF], "no version before the anchor"),
        (["rollback", *OF, "--by", "ada", "--reason", "why not"], "no version before the anchor"),
        (["show", *OF, "--version", "7"], "There is no baseline version 7"),
        (["show", "--scenario", "../../etc", "--environment", "staging"], "'../../etc' is no scenario"),
        (["add", "nowhere"], "No run named 'nowhere'"),
        (["collect", *OF, "--promote"], "--by NAME"),
        (["collect", *OF, "--spacing", "often"], "--spacing 'often'"),
    ],
)
def test_mistakes_get_one_sentence_and_exit_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = command(*arguments, capsys=capsys)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert err.startswith("loadtest: ")


def test_a_damaged_file_gets_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    path = baseline_path(*WHERE)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    code, _, err = command("show", *OF, capsys=capsys)
    assert code == 2
    assert "is not valid JSON (line 1, column 2" in err
