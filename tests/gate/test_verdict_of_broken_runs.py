"""Nothing missing, damaged or refused is ever green, and the verdict says what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.analysis.models import ContractCheck, DataContract
from loadtest.backend.models import ServiceDown
from loadtest.errors import ConfigurationError
from loadtest.gate.decide import check
from loadtest.gate.records.verdicts import Verdict
from loadtest.gate.verdict import conclude, not_run
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Criterion, Outcome, RunStatus
from tests.gate.run_facts import make_load, make_plan, make_worker, write_run
from tests.gate.verdicts import TARGETS, latencies

pytestmark = pytest.mark.usefixtures("include_folder")


def test_an_invalid_run_is_not_judged_further(tmp_path: Path) -> None:
    load = make_load(samples=400, workers=(make_worker(lost=True, completed=False),))
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(420)}, load=load)
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.INVALID
    assert "worker local/1 was lost" in verdict.sentence
    assert not any(finding.criterion is Criterion.TARGET for finding in verdict.findings)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("load", "the load never ran: no load.json"),
        ("metrics", "metrics.json is missing"),
        ("regression_report", "regression_report.json is missing"),
        ("data_contract", "the data contract was not checked"),
    ],
)
def test_a_missing_file_is_invalid_and_named(tmp_path: Path, missing: str, words: str) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(folder)
    getattr(folder, missing).unlink()
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.INVALID
    assert len(verdict.reasons) == 1
    assert words in verdict.sentence


@pytest.mark.parametrize("damaged", ["load", "metrics", "regression_report", "data_contract"])
def test_a_damaged_file_is_invalid_and_named(tmp_path: Path, damaged: str) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(folder)
    path = getattr(folder, damaged)
    path.write_text(path.read_text()[:40])
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.INVALID
    assert f"{path.name} is not valid JSON" in verdict.sentence


def test_a_failed_stage_is_the_reason(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    folder.load.unlink()
    verdict = conclude(folder, failure="the disk of the load generator was full.")
    assert verdict.sentence == "invalid: the load never ran: the disk of the load generator was full"
    check_folder = write_run(tmp_path / "other", make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(check_folder)
    assert conclude(check_folder, failure="a confirmation run failed").outcome is Outcome.INVALID


def test_a_service_that_was_down_from_the_start_is_a_failure_of_the_service(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    folder.load.unlink()
    ServiceDown(sentence="the backend did not become healthy within 30 s.").write(folder.service_down)
    verdict = conclude(folder, failure="whatever Airflow says of the task")
    assert verdict.sentence == (
        "fail: the service was down before any load went out: the backend did not become healthy within 30 s"
    )
    assert verdict.recommendations[0].title == "Start the service"


def test_broken_expectations_of_the_data_contract_are_invalid(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    check(folder)
    broken = ContractCheck(name="order", passed=False, sentence="p95 is below p50 at GET /a")
    DataContract(run_id="r1", passed=False, checks=(broken,)).write(folder.data_contract)
    assert conclude(folder).sentence == "invalid: data check failed: p95 is below p50 at GET /a"
    DataContract(run_id="r1", passed=False, checks=(), error="great_expectations is not installed.").write(folder.data_contract)
    assert "could not be checked: great_expectations is not installed" in conclude(folder).sentence
    DataContract(run_id="r1", passed=False, checks=()).write(folder.data_contract)
    assert conclude(folder).outcome is Outcome.INVALID


def test_a_refused_request_is_not_run(tmp_path: Path) -> None:
    folder = RunFolder.refused(tmp_path, "../Evil id")
    verdict = not_run(folder, "there is no profile 'smokey'; choose one of smoke, light", profile="smokey")
    assert (verdict.status, verdict.outcome) == (RunStatus.NOT_RUN, None)
    assert verdict.sentence.startswith("not run: there is no profile")
    assert Verdict.read(folder.verdict) == verdict
    with pytest.raises(ConfigurationError, match="does not exist"):
        conclude(folder)


def test_a_rejected_plan_is_not_run(tmp_path: Path) -> None:
    folder = write_run(tmp_path, make_plan(targets=TARGETS), {"GET /a": latencies(20)})
    verdict = not_run(folder, "ada rejected the load on production")
    assert (verdict.scenario, verdict.profile, verdict.commit) == ("shop", "light", "c0ffee")
