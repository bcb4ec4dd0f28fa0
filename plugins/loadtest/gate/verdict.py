"""`verdict.json`: joins validity, gate and data contract. The one place that says how a run ended; works on any wreck.

`judge_run` is pure; `conclude` reads what the run folder has, and lacks, and writes the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from loadtest.analysis.contract_rules import rules
from loadtest.analysis.models import DataContract, RunMetrics
from loadtest.backend.models import ServiceDown
from loadtest.errors import ConfigurationError
from loadtest.files import AnyPath, FileModel
from loadtest.gate.advice.commands import overrides_of
from loadtest.gate.advice.recommendations import recommend
from loadtest.gate.records.findings import Comparison, Coverage, Finding, Recommendation
from loadtest.gate.records.muted import muted_words
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.gate.rules.build import judge_build
from loadtest.gate.rules.coverage import cover
from loadtest.gate.rules.service import CLIENT_ERROR, DIED, NEVER_HEALTHY, OUTAGE, RESTARTED, judge_never_healthy
from loadtest.gate.rules.validity import judge_missing_load, judge_validity
from loadtest.load.attempts import sendings_of
from loadtest.load.models import LoadResult
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import SEVERITY, Criterion, Evidence, Outcome, RunStatus, worst
from loadtest.wording import plural

MOST_REASONS = 8

Model = TypeVar("Model", bound=FileModel)


@dataclass(frozen=True)
class Judgment:
    """A run's outcome, what it rests on, and how it is said."""

    outcome: Outcome
    sentence: str
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]  # worst first
    coverage: Coverage | None


def judge_run(plan: Plan, findings: Sequence[Finding], comparison: Comparison | None) -> Judgment:
    """The run's outcome from its findings (gate.md "The run's verdict").

    invalid > fail > warn over the findings that count. What remains is a pass if there is proof for enough of what was
    judged (`loadtest.gate.rules.coverage`), else inconclusive; also if nothing was judged at all, or if a suspicion was not
    settled. What is muted does not count, but the sentence names it.
    """
    ordered = tuple(sorted(findings, key=_severity))
    counted = [finding for finding in ordered if finding.counts]
    outcome = worst([finding.outcome for finding in counted])
    proof = cover(plan, ordered, comparison)
    hidden = f"; {words}" if (words := muted_words(ordered)) else ""
    if outcome in (Outcome.INVALID, Outcome.FAIL, Outcome.WARN):
        bad = [finding for finding in counted if finding.outcome is outcome]
        sentence = _bad_sentence(outcome, bad, len(_troubles(counted))) + hidden
        return Judgment(outcome, sentence, _reasons(counted), ordered, proof.coverage)
    outcome = Outcome.PASS if proof.enough else Outcome.INCONCLUSIVE
    reasons = (proof.sentence, *proof.gaps)[:MOST_REASONS]
    note = " (indicative)" if outcome is Outcome.PASS and plan.profile.evidence is Evidence.INDICATIVE else ""
    return Judgment(outcome, f"{outcome}{note}: {proof.sentence}{hidden}", reasons, ordered, proof.coverage)


def conclude(folder: RunFolder, failure: str | None = None) -> Verdict:
    """Judge the run in `folder` from the files that are there and write `verdict.json`.

    `failure`: why a stage before this one failed ("the backend was not healthy within 30 s: ..."), which makes the run
    invalid. Missing or damaged files never lead to a pass: each is an `invalid` finding that names the file.
    Raises ConfigurationError only if plan.json itself cannot be read; a request that was refused has no plan: `not_run`.
    """
    plan = Plan.read(folder.plan)
    report, load, metrics, contract, doubts = _read(folder, failure)
    findings = list(doubts)
    if load is not None and report is None:
        findings += judge_validity(plan, load, metrics, sendings=sendings_of(folder))
    if load is not None:
        findings += judge_build(plan)
    if report is not None:
        findings += report.findings
    if contract is not None:
        findings += judge_contract(contract, any(each.outcome is Outcome.INVALID for each in findings))
    comparison = report.comparison if report else None
    judgment = judge_run(plan, findings, comparison)
    note = plan.build_note
    verdict = Verdict(
        **_identity(plan),
        commit=plan.measured_commit,
        asked_commit=plan.trigger.commit if note or plan.build is None else None,
        status=RunStatus.JUDGED,
        outcome=judgment.outcome,
        sentence=judgment.sentence + (f"; {note}" if note else ""),
        reasons=(note, *judgment.reasons) if note else judgment.reasons,
        findings=judgment.findings,
        recommendations=_next_steps(plan, judgment, report, metrics),
        comparison=comparison,
        coverage=judgment.coverage,
        detectable=report.detectable if report else (),
        started_at=load.started_at if load else None,
        ended_at=load.ended_at if load else None,
        created_at=datetime.now(UTC),
    )
    verdict.write(folder.verdict)
    return verdict


def _next_steps(
    plan: Plan, judgment: Judgment, report: RegressionReport | None, metrics: RunMetrics | None
) -> tuple[Recommendation, ...]:
    """The gate's, unless the run turned out invalid after it, or never came so far."""
    if report is not None and judgment.outcome is not Outcome.INVALID:
        return report.recommendations
    return recommend(plan, judgment.findings, Comparison(compared=False), metrics, overrides=overrides_of(plan))


def not_run(folder: RunFolder, reason: str, *, scenario: str = "", environment: str = "", profile: str = "") -> Verdict:
    """Write the verdict of a request that led to no load: refused, rejected, unanswered or canceled, and why."""
    sentence = f"not run: {reason.strip()}"
    try:
        plan = Plan.read(folder.plan)
        identity = _identity(plan) | {"commit": plan.trigger.commit}
    except ConfigurationError:
        identity = {
            "run_id": folder.run_id,
            "scenario": scenario,
            "environment": environment,
            "profile": profile,
            "evidence": Evidence.CONCLUSIVE,
        }
    verdict = Verdict(
        **identity,
        status=RunStatus.NOT_RUN,
        outcome=None,
        sentence=sentence,
        reasons=(reason.strip(),),
        created_at=datetime.now(UTC),
    )
    verdict.write(folder.verdict)
    return verdict


def judge_contract(contract: DataContract, doubted: bool = False) -> list[Finding]:
    """A finding per broken expectation of the data contract, or one pass. `doubted`: the measurement is known to be invalid, so
    that what was measured is not held against the plan once more."""
    if contract.error:
        return [_contract_finding(f"the data contract could not be checked: {contract.error.rstrip('.')}")]
    broken = [check for check in contract.checks if not check.passed]
    told = {rule.name for rule in rules() if rule.about_plan} if doubted else set()
    findings = [
        _contract_finding(f"data check failed: {check.sentence}", check=check.name) for check in broken if check.name not in told
    ]
    if not contract.passed and not broken:
        findings.append(_contract_finding("the data contract was not met"))
    if findings or broken:
        return findings
    sentence = f"the data is fit to be judged ({plural(len(contract.checks), 'check')} of the data contract)"
    return [Finding(criterion=Criterion.CONTRACT, outcome=Outcome.PASS, sentence=sentence)]


def _contract_finding(sentence: str, **evidence: str) -> Finding:
    return Finding(criterion=Criterion.CONTRACT, outcome=Outcome.INVALID, sentence=sentence, evidence=dict(evidence))


def _read(
    folder: RunFolder, failure: str | None
) -> tuple[RegressionReport | None, LoadResult | None, RunMetrics | None, DataContract | None, list[Finding]]:
    """What is there, and a finding for each thing that is not. Later files are not missed where earlier ones are missing."""
    doubts: list[Finding] = []
    load = _optional(LoadResult, folder.load, doubts)
    if load is None:
        down = _optional(ServiceDown, folder.service_down, doubts)
        if down is not None and not CLIENT_ERROR.search(down.sentence):  # else it is up, and health_path is wrong
            doubts.append(judge_never_healthy(down.sentence.rstrip(".")))
        if not doubts:
            doubts.append(judge_missing_load((failure or "no load.json, and no stage said why").rstrip(".")))
        return None, None, None, None, doubts
    if failure:
        doubts.append(_doubt(failure.rstrip("."), "stage_failed"))
    metrics = _optional(RunMetrics, folder.metrics, doubts)
    if load.samples == 0 or metrics is None:
        return None, load, metrics, None, doubts
    report = _optional(RegressionReport, folder.regression_report, doubts)
    if report is None and not doubts:
        doubts.append(_doubt("the gate did not judge the run: regression_report.json is missing", "gate_missing"))
    contract = _optional(DataContract, folder.data_contract, doubts)
    if contract is None and not doubts:
        doubts.append(_contract_finding("the data contract was not checked: data_contract.json is missing"))
    return report, load, metrics, contract, doubts


def _optional(kind: type[Model], path: AnyPath, doubts: list[Finding]) -> Model | None:
    if not path.exists():
        return None
    try:
        return kind.read(path)
    except ConfigurationError as error:
        doubts.append(_doubt(str(error).rstrip("."), "file_damaged"))
        return None


def _doubt(sentence: str, rule: str) -> Finding:
    return Finding(criterion=Criterion.VALIDITY, outcome=Outcome.INVALID, sentence=sentence, evidence={"rule": rule})


def _identity(plan: Plan) -> dict[str, Any]:
    trigger = plan.trigger
    return {
        "run_id": plan.run_id,
        "scenario": plan.scenario.name,
        "environment": plan.environment.name,
        "profile": plan.profile.name,
        "evidence": plan.profile.evidence,
        "blocking": plan.blocking,
        "branch": trigger.branch,
        "pull_request": trigger.pull_request,
        "repository": trigger.repository,
        "airflow_url": trigger.airflow_url,
    }


def _severity(finding: Finding) -> tuple[bool, int, bool, float, str, str]:
    """Sort key: counted before muted, worst first, a service that was gone before what follows from it, largest effect first,
    then by name so that the order is stable."""
    return (
        finding.muted,
        SEVERITY.index(finding.outcome),
        finding.evidence.get("rule") not in (DIED, NEVER_HEALTHY, RESTARTED, OUTAGE),
        -abs(finding.effect or 0.0),
        finding.endpoint or "",
        finding.metric or "",
    )


def _troubles(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.outcome in (Outcome.INVALID, Outcome.FAIL, Outcome.WARN)]


def _bad_sentence(outcome: Outcome, bad: Sequence[Finding], troubles: int) -> str:
    more = f"; and {plural(troubles - 1, 'more finding')}" if troubles > 1 else ""
    return f"{outcome}: {bad[0].sentence}{more}"


def _reasons(counted: Sequence[Finding]) -> tuple[str, ...]:
    troubles = _troubles(counted)
    shown = [f"{finding.outcome}: {finding.sentence}" for finding in troubles[:MOST_REASONS]]
    if len(troubles) > MOST_REASONS:
        shown.append(f"and {plural(len(troubles) - MOST_REASONS, 'more finding')}")
    return tuple(shown)
