"""The reasoning of a run, with all its numbers, for all of it or one endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.errors import ConfigurationError
from loadtest.gate.explain import explain
from loadtest.gate.verdict import not_run
from loadtest.run_folder import RunFolder
from tests.support.run_folders import build_run_folder


def test_every_finding_stands_there_with_its_numbers(tmp_path: Path) -> None:
    folder = build_run_folder(tmp_path, outcome="fail")
    text = explain(folder)
    from loadtest.gate.records.verdicts import Verdict

    verdict = Verdict.read(folder.verdict)
    assert text.startswith(f"{verdict.run_id}: {verdict.sentence}")
    for finding in verdict.findings:
        assert finding.sentence in text
    assert "Smallest regression that this run could have detected" in text
    assert "adjusted p: " in text
    assert "90 % interval: +" in text


def test_one_endpoint_alone(tmp_path: Path) -> None:
    folder = build_run_folder(tmp_path, outcome="fail")
    text = explain(folder, "GET /api/v1/students/{id}")
    assert "GET /api/v1/students/{id}" in text
    assert "GET /api/v1/courses " not in text.split("\n", 1)[1]


def test_an_unknown_endpoint_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    folder = build_run_folder(tmp_path, outcome="fail")
    with pytest.raises(ConfigurationError, match="no finding about 'GET /nowhere'; endpoints with findings: GET"):
        explain(folder, "GET /nowhere")


def test_a_run_that_never_ran_has_nothing_to_explain(tmp_path: Path) -> None:
    folder = RunFolder.refused(tmp_path, "bad")
    not_run(folder, "there is no profile 'smokey'")
    assert "No load went out" in explain(folder)


def test_works_without_the_gates_report(tmp_path: Path) -> None:
    folder = build_run_folder(tmp_path, outcome="invalid", without=("regression_report",))
    assert "Can the measurement be believed?" in explain(folder)


def test_hostile_names_come_out_harmless_in_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from loadtest.cli import main

    folder = build_run_folder(tmp_path, outcome="fail", hostile=True)
    with pytest.raises(SystemExit) as ended:
        main(["explain", str(folder.path)])
    out = capsys.readouterr().out
    assert not ended.value.code
    assert "\x1b" not in out and "\x07" not in out and "\u202e" not in out
    assert "<script>" in out  # text stays text


def test_mistakes_get_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from loadtest.cli import main

    folder = build_run_folder(tmp_path, outcome="fail")
    for arguments in ([str(folder.path), "GET /nowhere"], ["no-such-run"]):
        with pytest.raises(SystemExit) as ended:
            main(["explain", *arguments])
        assert ended.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1
