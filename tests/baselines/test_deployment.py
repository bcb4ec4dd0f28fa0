"""Baselines where include/ cannot be written, and what a person answers in a form."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.baselines.candidates import add_run, read_candidate
from loadtest.baselines.promotion import promote, promote_answered
from loadtest.baselines.store import baseline_path, read_baselines, reviewed_path
from tests.baselines.summaries import WHERE, judged_run


def collect(folder: Path, *numbers: int, failed: tuple[int, ...] = ()) -> None:
    for number in numbers:
        add_run(judged_run(folder, number, **({"p50_ms": 400} if number in failed else {})))


def accept(folder: Path, *numbers: int) -> None:
    collect(folder, *numbers)
    promote(read_candidate(*WHERE), by="ada", reason="test")


def test_a_deployment_writes_to_its_store_and_starts_from_what_is_in_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accept(tmp_path / "runs", 1, 2)
    in_git = reviewed_path(*WHERE).read_bytes()
    monkeypatch.setenv("LOADTEST_BASELINES", str(tmp_path / "volume"))
    assert read_baselines(*WHERE).anchor.version == 1
    accept(tmp_path / "runs", 3, 4)
    assert read_baselines(*WHERE).anchor.version == 2
    assert Path(str(baseline_path(*WHERE))).is_relative_to(tmp_path / "volume")
    assert reviewed_path(*WHERE).read_bytes() == in_git


def test_a_newer_version_in_git_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_BASELINES", str(tmp_path / "volume"))
    accept(tmp_path / "runs", 1)
    monkeypatch.delenv("LOADTEST_BASELINES")
    accept(tmp_path / "runs", 2)
    accept(tmp_path / "runs", 3)
    monkeypatch.setenv("LOADTEST_BASELINES", str(tmp_path / "volume"))
    assert [run.run_id for run in read_baselines(*WHERE).anchor.runs] == ["run-3"]


def test_candidates_are_where_every_host_sees_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collect(tmp_path / "runs", 1)
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "another host"))
    assert [run.run_id for run in read_candidate(*WHERE).runs] == ["run-1"]


def test_a_plain_yes_accepts_what_nothing_speaks_against(tmp_path: Path) -> None:
    collect(tmp_path / "runs", 1, 2, 3, failed=(2,))
    accepted, notes = promote_answered(*WHERE, by="ada", reason="", overrule=False)
    assert [run.run_id for run in accepted.runs] == ["run-1", "run-3"]
    assert accepted.provenance.forced is False and "ada" in accepted.provenance.reason
    assert len(notes) == 1 and notes[0].startswith("Run run-2 was left out: fail")


def test_objections_are_overruled_with_a_reason_and_on_record(tmp_path: Path) -> None:
    collect(tmp_path / "runs", 1, 2, failed=(2,))
    accepted, notes = promote_answered(*WHERE, by="ada", reason="known to be slow", overrule=True)
    assert len(accepted.runs) == 2 and accepted.provenance.forced and len(accepted.provenance.overruled) == 1
    assert notes == []


def test_without_a_reason_nothing_is_overruled_and_nothing_fails(tmp_path: Path) -> None:
    collect(tmp_path / "runs", 1, 2, failed=(1, 2))
    accepted, notes = promote_answered(*WHERE, by="ada", reason=" ", overrule=True)
    assert accepted is None and read_baselines(*WHERE).anchor is None
    assert "only with a reason" in notes[0] and "No run is left" in notes[-1]
