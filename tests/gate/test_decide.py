"""The gate's stage on run folders: no baseline, a matching one, suspicion, confirmation, drift, mutes, damaged files."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from loadtest.analysis.models import RunMetrics, ServerTime
from loadtest.baselines.candidates import add_run, objection_to
from loadtest.baselines.promotion import promote
from loadtest.baselines.store import baseline_path
from loadtest.errors import ConfigurationError
from loadtest.gate.decide import check, summarize
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.gate.verdict import conclude
from loadtest.load.models import HostProbe
from loadtest.planning.build import Build
from loadtest.planning.criteria import Criteria, EndpointCriteria, Mute, Target
from loadtest.planning.models import Plan
from loadtest.reporting.facts import detectable_sentence
from loadtest.reporting.inputs import read_run
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Criterion, Outcome
from tests.gate.run_facts import make_endpoint, make_load, make_plan, make_worker, write_run

ENDPOINTS = {f"GET /{name}": 10.0 * (number + 1) for number, name in enumerate("abcdef")}
PROBE = HostProbe(cpu_before_s=0.1, cpu_after_s=0.1, loopback_before_s=0.05, loopback_after_s=0.05)


@pytest.fixture(autouse=True)
def own_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_INCLUDE", str(tmp_path / "include"))
    monkeypatch.setenv("LOADTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setenv("LOADTEST_RUNS_ROOT", str(tmp_path / "runs"))


def run(root: Path, number: int, *, slower: float = 1.0, run_id: str = "", **plan: object) -> RunFolder:
    """A run of six endpoints with 2 % of noise between runs; `GET /c` is `slower` times as slow."""
    rng = np.random.default_rng(number)
    latencies = {
        name: rng.lognormal(np.log(p50_ms) + rng.normal(0, 0.02) + (np.log(slower) if name == "GET /c" else 0), 0.4, 1500)
        for name, p50_ms in ENDPOINTS.items()
    }
    made = make_plan(run_id=run_id or f"run-{number}", **plan)
    asked = made.trigger.model_copy(update={"commit": None})
    made = made.model_copy(update={"trigger": asked, "build": Build(version=f"{number % 3}c0ffee")})
    total = 1500 * len(latencies)
    load = make_load(samples=total, workers=(make_worker(samples=total),), host_probe=PROBE)
    return write_run(root, made, latencies, load=load, shift=timedelta(hours=3 * number))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("baseline") / "project"


@pytest.fixture
def baseline(tmp_path: Path, made_once: Path) -> None:
    """A promoted baseline of eight runs; judging them takes seconds, so that each further test gets a copy."""
    if made_once.exists():
        shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
        return
    for number in range(8):
        folder = run(tmp_path / "runs", number)
        check(folder)
        conclude(folder)
        collected = add_run(folder)
    promote(collected, by="ada", reason="first reference", force=True)
    shutil.copytree(tmp_path, made_once)


def test_without_a_baseline_nothing_is_compared_and_the_next_command_is_told(tmp_path: Path) -> None:
    report = check(run(tmp_path / "runs", 1))
    assert not report.comparison.compared
    assert report.comparison.reason == "no baseline yet, so nothing was compared"
    where = "--scenario shop --environment staging --profile light --duration 2m5s"
    assert report.recommendations[0].command == (f"loadtest baseline collect {where} --runs 8 --promote --by NAME --reason TEXT")


def test_collected_runs_that_nobody_accepted_are_to_be_accepted_not_collected_again(tmp_path: Path) -> None:
    for number in range(3):
        folder = run(tmp_path / "runs", number)
        check(folder)
        conclude(folder)
        add_run(folder)
    report = check(run(tmp_path / "runs", 20))
    assert report.comparison.awaiting_acceptance == 3
    assert report.recommendations[0].command.startswith("loadtest baseline promote --scenario shop --environment staging ")


@pytest.mark.usefixtures("baseline")
def test_an_unchanged_run_passes_without_confirmation(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 20)
    report = check(folder)
    assert report.comparison.compared
    assert (report.comparison.baseline_version, report.comparison.baseline_runs, report.comparison.builds) == (1, 8, 3)
    assert Path(report.comparison.baseline_path) == baseline_path("shop", "staging", "light")
    assert report.suspects == ()
    assert report.detectable
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.PASS
    assert verdict.sentence.startswith("pass: 6 of 6 endpoints shown to be within 20 % of the baseline")
    assert RegressionReport.read(folder.regression_report) == report


@pytest.mark.usefixtures("baseline")
def test_a_slower_endpoint_is_suspected_then_confirmed(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 20, slower=1.5, run_id="slow")
    report = check(folder)
    assert {finding.endpoint for finding in report.suspects} == {"GET /c"}
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "did not settle a suspected regression (GET /c)" in verdict.sentence
    confirmations = [run(tmp_path / "runs", 20 + n, slower=1.5, run_id=f"slow-confirm-{n}") for n in (1, 2)]
    report = check(folder, confirmations)
    assert report.confirmation_runs == ("slow-confirm-1", "slow-confirm-2")
    assert report.comparison.candidate_runs == 3
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.sentence.startswith("fail: GET /c ")
    assert "8 baseline runs" in verdict.sentence and "3 runs" in verdict.sentence
    assert verdict.recommendations[0].title == "Look at GET /c"
    assert verdict.recommendations[0].command.startswith("git log --oneline ")


@pytest.mark.usefixtures("baseline")
def test_a_suspicion_that_does_not_come_back_is_dropped(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 20, slower=1.2, run_id="odd")
    assert check(folder).suspects
    confirmations = [run(tmp_path / "runs", 20 + n, run_id=f"odd-confirm-{n}") for n in (1, 2)]
    check(folder, confirmations)
    assert conclude(folder).outcome in (Outcome.PASS, Outcome.INCONCLUSIVE)


@pytest.mark.usefixtures("baseline")
def test_confirmations_that_cannot_be_believed_confirm_nothing(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 20, slower=1.5, run_id="slow")
    spoiled = run(tmp_path / "runs", 21, slower=1.5, run_id="slow-confirm-1")
    make_load(samples=9000, workers=(make_worker(lost=True, completed=False),)).write(spoiled.load)
    other = run(tmp_path / "runs", 22, slower=1.5, run_id="slow-confirm-2", digest="d2")
    report = check(folder, [spoiled, other])
    assert report.suspects
    assert "Confirmation run slow-confirm-1 was left out: worker local/1 was lost" in report.comparison.reason
    assert "Confirmation run slow-confirm-2 was left out: it had another plan" in report.comparison.reason
    assert conclude(folder).outcome is Outcome.INCONCLUSIVE


@pytest.mark.usefixtures("baseline")
def test_a_muted_regression_is_shown_and_needs_no_confirmation(tmp_path: Path) -> None:
    mute = Mute(endpoint="GET /c", reason="known, ticket 12", expires=datetime.now(UTC) + timedelta(days=1))
    folder = run(tmp_path / "runs", 20, slower=1.5, criteria=Criteria(muted=(mute,)))
    report = check(folder)
    assert report.suspects == ()
    assert any(finding.muted and finding.suspect for finding in report.findings)
    assert conclude(folder).outcome is Outcome.PASS


@pytest.mark.usefixtures("baseline")
def test_the_verdict_names_a_muted_regression_and_no_baseline_takes_the_run_without_an_objection(tmp_path: Path) -> None:
    mute = Mute(endpoint="GET /c", reason="known, ticket 12", by="ada", expires=datetime(2126, 12, 24, tzinfo=UTC))
    folder = run(tmp_path / "runs", 20, slower=2.9, criteria=Criteria(muted=(mute,)))
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.PASS
    assert re.search(r"; muted by ada until 2126-12-24: GET /c \S.* \+1\d\d %", verdict.sentence)
    collected = add_run(folder)
    assert collected.objections["run-20"].startswith("muted by ada until 2126-12-24: known, ticket 12: GET /c")
    for extend in (True, False):
        with pytest.raises(ConfigurationError, match=r"should not become a reference \(run-20: muted by ada"):
            promote(collected, by="ada", reason="wider", extend=extend)


@pytest.mark.usefixtures("baseline")
def test_a_confirmed_warning_is_objected_to(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 20)
    check(folder)
    verdict = conclude(folder)
    plan = Plan.read(folder.plan)
    assert objection_to(plan, verdict) == ""
    warned = tuple(
        finding.model_copy(update={"outcome": Outcome.WARN}) if finding.endpoint == "GET /c" else finding
        for finding in verdict.findings
    )
    assert objection_to(plan, verdict.model_copy(update={"findings": warned})).startswith("warn: GET /c")


@pytest.mark.usefixtures("baseline")
def test_a_run_is_never_compared_with_itself(tmp_path: Path) -> None:
    folder = RunFolder.of(tmp_path / "runs", "shop", "staging", "light", "run-3")
    report = check(folder)
    assert report.comparison.compared
    assert report.comparison.baseline_runs == 7
    assert "This run is part of baseline version 1 and was compared with the other 7 runs of it." in report.comparison.reason


@pytest.mark.usefixtures("baseline")
def test_another_plan_is_not_compared(tmp_path: Path) -> None:
    report = check(run(tmp_path / "runs", 20, digest="d2"))
    assert not report.comparison.compared
    assert "another plan" in report.comparison.reason


@pytest.mark.usefixtures("baseline")
def test_half_the_throughput_is_an_invalid_run(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 20)
    metrics = folder.metrics.read_text()
    few = RunMetrics.parse(metrics, "metrics")
    few.model_copy(update={"total": few.total.model_copy(update={"rps": few.total.rps / 2.5})}).write(folder.metrics)
    report = check(folder)
    assert any("under half of the baseline's median" in finding.sentence for finding in report.findings)
    assert conclude(folder).outcome is Outcome.INVALID
    assert "not valid" in report.comparison.reason


def stalled(root: Path) -> RunFolder:
    """Answers as usual, but for 4 % that take 6 s, so that ten users send 30 requests a second instead of 75."""
    folder = run(root, 20)
    plan, metrics = Plan.read(folder.plan), RunMetrics.read(folder.metrics)
    shutil.rmtree(folder.path)
    rng = np.random.default_rng(20)
    latencies = {name: rng.lognormal(np.log(p50_ms), 0.4, 600) for name, p50_ms in ENDPOINTS.items()}
    for values in latencies.values():
        values[::25] = 6000.0
    load = make_load(samples=3600, workers=(make_worker(samples=3600),), host_probe=PROBE)
    folder = write_run(root, plan, latencies, load=load, shift=timedelta(hours=60))
    assert RunMetrics.read(folder.metrics).total.rps < metrics.total.rps / 2
    return folder


@pytest.mark.usefixtures("baseline")
def test_throughput_that_a_few_very_slow_answers_explain_is_no_doubt(tmp_path: Path) -> None:
    findings = check(stalled(tmp_path / "runs")).findings
    (slow,) = [finding for finding in findings if finding.evidence.get("rule") == "slow_answers"]
    assert slow.outcome is Outcome.WARN
    assert slow.evidence["latency_rise_ms"] == pytest.approx(240, abs=10)


@pytest.mark.usefixtures("baseline")
def test_a_baseline_without_mean_latencies_is_compared_by_typical_ones(tmp_path: Path) -> None:
    path = baseline_path("shop", "staging", "light")
    path.write_text(re.sub(r'"mean_latency_ms": *[0-9.]+,', "", path.read_text()))
    assert "mean_latency_ms" not in path.read_text()
    assert check(run(tmp_path / "runs", 21)).comparison.compared
    findings = check(stalled(tmp_path / "runs")).findings
    assert [finding.outcome for finding in findings if finding.evidence.get("rule") == "too_few_requests"] == [Outcome.INVALID]


@pytest.mark.usefixtures("baseline")
def test_a_new_endpoint_that_only_fails_is_not_outvoted_by_the_known_ones(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 20)
    metrics = RunMetrics.read(folder.metrics)
    metrics.model_copy(update={"endpoints": (*metrics.endpoints, make_endpoint("POST /new", 1500, 1500))}).write(folder.metrics)
    check(folder)
    verdict = conclude(folder)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.sentence == "fail: POST /new never succeeded: all 1,500 requests failed"


@pytest.mark.usefixtures("baseline")
def test_a_damaged_baseline_stops_the_gate_with_one_sentence(tmp_path: Path) -> None:
    path = baseline_path("shop", "staging", "light")
    path.write_text(path.read_text()[:500])
    with pytest.raises(ConfigurationError, match="is not valid JSON"):
        check(run(tmp_path / "runs", 20))


@pytest.mark.usefixtures("baseline")
def test_a_slow_drift_is_seen_over_the_runs_since_the_anchor(tmp_path: Path) -> None:
    earlier = [summarize(run(tmp_path / "runs", 20 + week, slower=1.03**week)) for week in range(8)]
    folder = run(tmp_path / "runs", 30, slower=1.03**8)
    assert not any(finding.criterion is Criterion.DRIFT for finding in check(folder).findings)
    report = check(folder, earlier=earlier)
    drifted = [finding for finding in report.findings if finding.criterion is Criterion.DRIFT]
    assert [(finding.endpoint, finding.outcome) for finding in drifted] == [("GET /c", Outcome.WARN)]
    assert any("since the anchor" in each.title for each in report.recommendations)
    slowed = run(tmp_path / "runs", 31, slower=1.03**8).plan
    plan = Plan.read(slowed).model_copy(update={"slowdown": "GET /c=x1.3"})
    plan.write(folder.plan)
    assert not any(finding.criterion is Criterion.DRIFT for finding in check(folder, earlier=earlier).findings)


@pytest.mark.usefixtures("baseline")
def test_what_people_muted_counts_like_the_criteria(tmp_path: Path) -> None:
    mute = Mute(endpoint="GET /c", reason="known, ticket 12", expires=datetime.now(UTC) + timedelta(days=1))
    report = check(run(tmp_path / "runs", 20, slower=1.5), mutes=[mute])
    assert report.suspects == ()


def test_summaries_carry_what_the_server_said(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 1)
    metrics = RunMetrics.read(folder.metrics)
    server = (ServerTime(component="db", n=9, p50_ms=4.0, p95_ms=9.0, mean_ms=3.0),)
    told = tuple(row.model_copy(update={"server": server}) for row in metrics.endpoints)
    metrics.model_copy(update={"endpoints": told}).write(folder.metrics)
    for row, own in zip(summarize(folder).endpoints, metrics.endpoints, strict=True):
        assert (row.server_p50_ms, row.server_mean_ms, row.mean_ms) == ({"db": 4.0}, {"db": 3.0}, own.mean_ms)


def test_a_run_without_a_steady_phase_has_no_summary(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 1)
    make_load(steady_started_at=None, steady_ended_at=None).write(folder.load)
    report = check(folder)
    assert report.summary is None
    assert any("ramp was not finished" in finding.sentence for finding in report.findings)
    assert not any(finding.criterion is Criterion.TARGET for finding in report.findings)


def test_a_load_that_sent_nothing_has_no_samples_to_miss(tmp_path: Path) -> None:
    folder = run(tmp_path / "runs", 1)
    make_load(samples=0).write(folder.load)
    folder.samples.unlink()
    check(folder)
    assert conclude(folder).sentence.startswith("invalid: no requests were recorded: nothing in 2m5s of load")


@pytest.mark.parametrize("missing", ["plan", "load", "metrics", "samples"])
def test_what_the_gate_needs_is_named(tmp_path: Path, missing: str) -> None:
    folder = run(tmp_path / "runs", 1)
    getattr(folder, missing).unlink()
    with pytest.raises(ConfigurationError, match=f"{missing}.* does not exist"):
        check(folder)


def test_a_run_without_a_baseline_says_what_it_could_see_at_best(tmp_path: Path) -> None:
    folder = run(tmp_path, 1)
    report = check(folder)
    assert not report.comparison.compared
    assert {row.endpoint for row in report.detectable} == set(ENDPOINTS)
    assert all(0.05 <= row.effect < 0.5 for row in report.detectable)
    assert "Against a baseline of eight runs this run could at best detect" in detectable_sentence(read_run(folder))


@pytest.mark.usefixtures("baseline")
def test_a_run_that_proves_too_little_asks_for_one_more_and_passes_with_it(tmp_path: Path) -> None:
    strict = Criteria(endpoints={"GET /c": EndpointCriteria(tolerance=0.06, critical=True)})
    folder = run(tmp_path / "runs", 38, criteria=strict)
    report = check(folder)
    assert report.suspects == () and report.asks_again
    assert conclude(folder).outcome is Outcome.INCONCLUSIVE
    again = run(tmp_path / "runs", 40, run_id="run-38-confirm-1", criteria=strict)
    report = check(folder, [again])
    assert not report.asks_again, "once is enough"
    assert conclude(folder).sentence.startswith("pass: 6 of 6 endpoints")


@pytest.mark.usefixtures("baseline")
def test_what_fails_anyway_needs_no_proof(tmp_path: Path) -> None:
    strict = Criteria(endpoints={"GET /c": EndpointCriteria(tolerance=0.06, critical=True)})
    missed = (Target(endpoint="GET /a", metric="p95_ms", limit=1),)
    assert not check(run(tmp_path / "runs", 38, criteria=strict, targets=missed)).asks_again
