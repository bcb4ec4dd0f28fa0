"""Writing the files: complete, atomic, each for itself."""

from __future__ import annotations

import hashlib

import pytest
from upath import UPath

from loadtest.gate.records.verdicts import Verdict
from loadtest.reporting.report import ReportError, write_report
from loadtest.run_folder import RunFolder
from tests.support.run_folders import build_run_folder, make_baseline_runs, make_trend

FILES = ("plan", "load", "metrics", "analysis", "regression_report", "verdict")


def names(folder):
    return {path.name for path in folder.path.iterdir()}


def test_all_parts_are_written_and_the_report_also_under_its_usual_name(tmp_path):
    folder = build_run_folder(tmp_path)
    write_report(folder, baseline=make_baseline_runs(), trend=make_trend())
    assert {"report.html", "loadtest_report.html", "summary.md", "junit.xml", "verdict.prom"} <= names(folder)
    assert folder.report.read_bytes() == folder.locust_style_report.read_bytes()
    assert not [name for name in names(folder) if name.startswith(".")]


@pytest.mark.parametrize("without", [(name,) for name in FILES] + [FILES, FILES[1:]])
def test_a_report_exists_whatever_is_missing(tmp_path, without):
    folder = build_run_folder(tmp_path, without=without)
    write_report(folder)
    assert "<h1>" in folder.report.read_text()


def test_writing_again_changes_nothing(tmp_path):
    folder = build_run_folder(tmp_path)
    digests = []
    for _ in range(2):
        write_report(folder, baseline=make_baseline_runs())
        digests.append({name: hashlib.sha256((folder.path / name).read_bytes()).hexdigest() for name in names(folder)})
    assert digests[0] == digests[1]


def test_one_part_that_fails_costs_no_other(tmp_path):
    folder = build_run_folder(tmp_path)
    folder.report.mkdir()  # nothing can be renamed over a folder
    with pytest.raises(ReportError, match=r"report\.html .* could not be written"):
        write_report(folder)
    assert folder.summary.exists()
    assert folder.junit.exists()
    folder.report.rmdir()
    write_report(folder)
    assert folder.report.exists()


def test_a_run_folder_in_object_storage(tmp_path):
    local = build_run_folder(tmp_path)
    remote = RunFolder(UPath("memory://runs/example/staging/medium/r1"))
    for path in local.path.iterdir():
        (remote.path / path.name).write_bytes(path.read_bytes())
    write_report(remote)
    assert remote.report.read_text() == remote.locust_style_report.read_text()
    assert "<h1>" in remote.report.read_text()
    assert remote.junit.exists()


def test_what_is_not_utf8_does_not_stop_it(tmp_path):
    folder = build_run_folder(tmp_path)
    folder.analysis.write_bytes(b"\xff\xfe\x00{")
    write_report(folder)
    assert "analysis.json cannot be read" in folder.report.read_text()


def test_a_megabyte_of_error_text_is_cut(tmp_path):
    folder = build_run_folder(tmp_path)
    verdict = Verdict.read(folder.verdict)
    huge = verdict.findings[0].model_copy(update={"sentence": "x" * 1_000_000, "mute_reason": "y" * 1_000_000})
    verdict.model_copy(update={"sentence": "fail: " + "z" * 1_000_000, "findings": (huge,)}).write(folder.verdict)
    write_report(folder)
    assert folder.report.stat().st_size < 2_000_000
    assert folder.summary.stat().st_size < 20_000
    assert folder.junit.stat().st_size < 20_000
