"""Baseline files: read, refused when damaged, replaced by one writer at a time, and readable in a diff."""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.baselines.layout import render, rounded
from loadtest.baselines.models import BaselineFile, Candidate
from loadtest.baselines.promotion import promote
from loadtest.baselines.store import baseline_path, matching_baseline, read_baselines, update_baselines
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.locks import locked_folder
from loadtest.planning.models import HostClass
from tests.baselines.summaries import WHERE, summary
from tests.gate.run_facts import make_plan

SCENARIO, ENVIRONMENT, PROFILE = WHERE


def candidate(*numbers: int, **changes: object) -> Candidate:
    runs = tuple(rounded(summary(number, **changes)) for number in numbers)
    return Candidate(scenario=SCENARIO, environment=ENVIRONMENT, profile=PROFILE, runs=runs)


def accept(*numbers: int, **changes: object) -> None:
    promote(candidate(*numbers, **changes), by="ada", reason="first reference")


def test_what_is_written_is_read_back() -> None:
    accept(1, 2, 3)
    file = read_baselines(*WHERE)
    assert file.anchor.runs == candidate(1, 2, 3).runs
    assert file.anchor.provenance.accepted_by == "ada"
    assert file.anchor.builds == ("c0", "c1", "c2")


def test_rounding_twice_is_rounding_once() -> None:
    once = rounded(summary(1))
    assert rounded(once) == once


def test_the_file_reads_well_in_a_diff() -> None:
    accept(1, 2, 3)
    before = baseline_path(*WHERE).read_text()
    promote(candidate(4), by="grace", reason="one more build", extend=True)
    after = baseline_path(*WHERE).read_text()
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[:2] in ("- ", "? ")]
    assert len(changed) <= 2  # a version is only added; at most a comma comes after the one before it
    endpoint_lines = [line for line in after.splitlines() if '"endpoint"' in line]
    assert len(endpoint_lines) == 4 * (3 + 4)
    assert max(len(line) for line in after.splitlines()) < 400


def test_a_run_of_nine_endpoints_takes_a_few_kilobytes() -> None:
    run = summary(1)
    endpoints = tuple(run.endpoints[0].model_copy(update={"endpoint": f"GET /{number}"}) for number in range(9))
    nine = run.model_copy(update={"endpoints": endpoints})
    text = render(Candidate(scenario=SCENARIO, environment=ENVIRONMENT, profile=PROFILE, runs=(rounded(nine),)))
    assert len(text) < 3000


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda text: text[: len(text) // 2], "is not valid JSON"),
        (lambda text: text.replace('"schema_version": 1', '"schema_version": 9'), "schema version 9"),
        (lambda text: text.replace('"n": 1000', '"n": "many"', 1), "integer"),
        (lambda text: text.replace('"version": 1', '"version": 3'), "versions must be 1, 2, 3"),
        (lambda text: text.replace('"digest": "d1"', '"digest": "d2"', 1), "another plan digest"),
        (lambda text: text.replace('"run_id": "run-2"', '"run_id": "run-1"'), "twice"),
        (lambda text: text.replace('"profile": "light"', '"profile": "heavy"'), "does not fit its name"),
        (lambda text: text.replace('"lm": ', '"lm": 1e999, "x": ', 1), "1 more problem"),
        (lambda text: "[]", "should be"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence_and_kept(spoil, sentence: str) -> None:
    accept(1, 2, 3)
    path = baseline_path(*WHERE)
    path.write_text(spoil(path.read_text()))
    damaged = path.read_bytes()
    with pytest.raises(ConfigurationError, match=sentence) as error:
        read_baselines(*WHERE)
    assert "\n" not in str(error.value)
    assert "light" in str(error.value)
    with pytest.raises(ConfigurationError):
        matching_baseline(make_plan())
    with pytest.raises(ConfigurationError):
        accept(4)
    assert path.read_bytes() == damaged


def test_a_change_that_breaks_the_rules_is_never_written() -> None:
    accept(1, 2, 3)
    before = baseline_path(*WHERE).read_bytes()
    with pytest.raises(ValueError, match="versions must be"):
        update_baselines(*WHERE, lambda file: file.model_copy(update={"versions": file.versions * 2}))
    assert baseline_path(*WHERE).read_bytes() == before


def test_no_file_is_left_beside_the_baseline() -> None:
    accept(1, 2, 3)
    assert [path.name for path in baseline_path(*WHERE).parent.iterdir()] == ["staging-light.json"]


# matching


def test_a_plan_is_matched_by_digest_and_host_class() -> None:
    assert matching_baseline(make_plan()) == (None, "no baseline yet, so nothing was compared")
    accept(1, 2, 3)
    baseline, reason = matching_baseline(make_plan())
    assert (baseline.version, reason) == (1, "")
    baseline, reason = matching_baseline(make_plan(digest="d2"))
    assert baseline is None
    assert "another plan" in reason
    host = HostClass(cpu_model="cpu", cores=8, memory_gib=8, os="Linux", python="3.11", locust="2.47", executor="local")
    baseline, reason = matching_baseline(make_plan().model_copy(update={"host_class": host}))
    assert baseline is None
    assert "another host class (cores 2, now 8)" in reason


def test_two_runs_are_too_few() -> None:
    accept(1, 2)
    baseline, reason = matching_baseline(make_plan())
    assert baseline is None
    assert "2 of at least 3 runs" in reason


# writers at once

PROMOTER = """
import sys
from loadtest.baselines.models import Candidate
from loadtest.baselines.promotion import promote
from tests.baselines.summaries import WHERE, summary
name, first = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(first, first + 5):
    candidate = Candidate(scenario=WHERE[0], environment=WHERE[1], profile=WHERE[2], runs=(summary(number),))
    promote(candidate, by=name, reason=f"promotion {number}")
"""


def test_two_processes_promoting_at_once_lose_nothing() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROMOTER, name, first],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, first in (("ada", "0"), ("grace", "100"))
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
            process.wait()
    versions = read_baselines(*WHERE).versions
    assert [version.version for version in versions] == list(range(1, 11))
    reasons = {version.provenance.reason for version in versions}
    assert reasons == {f"promotion {number}" for number in (*range(5), *range(100, 105))}


def test_a_writer_that_waits_too_long_gives_up_and_says_so(tmp_path: Path) -> None:
    with locked_folder(tmp_path):
        waiting = locked_folder(tmp_path, wait_s=0.1)
        with pytest.raises(InfrastructureError, match="nothing was changed"):
            waiting.__enter__()


def test_a_folder_that_cannot_be_made() -> None:
    path = baseline_path(*WHERE)
    path.parent.parent.mkdir(parents=True)
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(InfrastructureError, match="cannot be used"):
        accept(1, 2, 3)


def test_files_of_old_readers_stay_readable() -> None:
    """Unknown keys are refused, so an added field must come with a default: a minimal file stays valid."""
    text = json.dumps({"scenario": SCENARIO, "environment": ENVIRONMENT, "profile": PROFILE})
    assert BaselineFile.parse(text, "file").anchor is None
