"""junit.xml: well-formed whatever is in it, and never green where the run is not."""

from __future__ import annotations

from xml.etree import ElementTree as xml

import pytest

from loadtest.gate.records.verdicts import Verdict
from loadtest.reporting.inputs import read_run
from loadtest.reporting.junit import render_junit
from loadtest.vocabulary import Criterion
from tests.support.run_folders import build_run_folder


def cases_of(data: bytes) -> dict[tuple[str, str], xml.Element]:
    root = xml.fromstring(data)
    return {(suite.get("name"), case.get("name")): case for suite in root for case in suite}


def test_one_case_per_endpoint_and_criterion(run_of):
    files = run_of(outcome="fail")
    cases = cases_of(render_junit(files))
    regressions = [name for suite, name in cases if suite == Criterion.REGRESSION]
    assert sorted(regressions) == sorted(row.endpoint for row in files.metrics.endpoints)
    failure = cases["regression", "GET /api/v1/students/{id}"].find("failure")
    assert "+31 %" in failure.get("message")
    assert cases["regression", "GET /health"].find("failure") is None
    assert ("validity", "whole run") in cases


@pytest.mark.parametrize(
    ("outcome", "tag"),
    [
        ("pass", None),
        ("warn", "skipped"),
        ("fail", "failure"),
        ("inconclusive", "skipped"),
        ("invalid", "error"),
        (None, "error"),
    ],
)
def test_the_verdict_is_a_case_of_its_own(run_of, outcome, tag):
    case = cases_of(render_junit(run_of(outcome=outcome)))["verdict", "verdict"]
    assert {child.tag for child in case} - {"system-out"} == ({tag} if tag else set())


def test_without_a_verdict_it_is_not_green(run_of):
    case = cases_of(render_junit(run_of(outcome="pass", without=("verdict",))))["verdict", "verdict"]
    assert case.find("error") is not None


def test_counts_add_up(run_of):
    root = xml.fromstring(render_junit(run_of(outcome="fail")))
    for part in (root, *root):
        counted = {"tests": len(part.findall(".//testcase")), "failures": len(part.findall(".//failure"))}
        assert {name: int(part.get(name)) for name in counted} == counted
    assert root.get("failures") == "2"  # the endpoint and the verdict


def test_muted_findings_are_skipped_with_their_reason(tmp_path):
    folder = build_run_folder(tmp_path, outcome="fail")
    verdict = Verdict.read(folder.verdict)
    muted = verdict.findings[0].model_copy(update={"muted": True, "mute_reason": "known"})
    verdict.model_copy(update={"findings": (muted, *verdict.findings[1:])}).write(folder.verdict)
    case = cases_of(render_junit(read_run(folder)))["regression", "GET /api/v1/students/{id}"]
    assert case.find("skipped").get("message") == "muted: known"


def test_hostile_texts_stay_text(run_of):
    data = render_junit(run_of(hostile=True, outcome="fail", failures=2_000))
    names = {name for _, name in cases_of(data)}
    assert "]]><testcase name='forged'/>" in names
    assert "forged" not in names
    for forbidden in (b"\x1b", b"\x00", "\u202e".encode()):
        assert forbidden not in data


def test_the_same_files_give_the_same_bytes(run_of):
    assert render_junit(run_of()) == render_junit(run_of())
