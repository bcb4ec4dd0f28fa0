"""What a comparison side by side says about suspicions: its findings stand in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest import wording
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Criterion, Outcome

ASKED = (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.ERRORS)


@dataclass(frozen=True)
class Confirmations:
    """A run's confirmations: `further` runs, and the comparison side by side if there is one that can be believed. `problems`: a
    sentence for each that cannot, and for why there is none."""

    further: tuple[RunFolder, ...]
    side_by_side: RegressionReport | None
    problems: tuple[str, ...]


def read_confirmations(folders: Sequence[RunFolder]) -> Confirmations:
    """Raises ConfigurationError for missing or damaged files."""
    further: list[RunFolder] = []
    problems: list[str] = []
    compared = None
    for folder in folders:
        plan = Plan.read(folder.plan)
        if not plan.against:
            further.append(folder)
            if plan.not_side_by_side:
                problems.append(f"Confirmed by further runs and not side by side: {plan.not_side_by_side.rstrip('.')}.")
            continue
        report = RegressionReport.read(folder.regression_report)
        invalid = next((finding.sentence for finding in report.findings if finding.outcome is Outcome.INVALID), None)
        if invalid is None and report.comparison.compared:
            compared = report
        else:
            why = invalid or report.comparison.reason.rstrip(".")
            problems.append(f"The comparison {folder.run_id} with the baseline's build was left out: {why}.")
    return Confirmations(tuple(further), compared, tuple(problems))


def settled(findings: Sequence[Finding], side_by_side: Sequence[Finding]) -> list[Finding]:
    """The findings of a run, those that are suspect replaced by what the two builds showed side by side; and so where the builds
    differ without a suspicion. What was not measured there stays suspect."""
    measured = {(one.criterion, one.endpoint): one for one in side_by_side if one.criterion in ASKED}
    alarms = {key: one for key, one in measured.items() if one.outcome in (Outcome.WARN, Outcome.FAIL)}
    told: dict[tuple[Criterion, str | None], Finding] = {}
    others = []
    for finding in findings:
        key = finding.criterion, finding.endpoint
        if finding.suspect:
            told.setdefault(key, _settled(finding, measured.get(key)))
        elif key not in alarms:
            others.append(finding)
    return [*told.values(), *(one for key, one in alarms.items() if key not in told), *others]


def _settled(suspect: Finding, measured: Finding | None) -> Finding:
    known = _what(suspect)
    if measured is None and suspect.criterion is Criterion.ERRORS:
        sentence = f"{suspect.endpoint} fails no more often than the baseline's build, side by side, {known}"
        return suspect.model_copy(update={"outcome": Outcome.PASS, "suspect": False, "sentence": sentence})
    if measured is None or (measured.interval is None and measured.criterion is Criterion.REGRESSION):
        return suspect
    word = "confirms" if measured.outcome in (Outcome.WARN, Outcome.FAIL) else "does not confirm"
    return measured.model_copy(update={"sentence": f"{measured.sentence}; {word} the suspicion {known}"})


def _what(suspect: Finding) -> str:
    if suspect.criterion is Criterion.ERRORS and suspect.observed is not None and suspect.reference is not None:
        return f"against the baseline (errors {wording.percent(suspect.observed)}, baseline {wording.percent(suspect.reference)})"
    change = f" ({wording.metric_label(suspect.metric)} {wording.change(suspect.effect)})" if suspect.effect is not None else ""
    return f"against the baseline{change}"
