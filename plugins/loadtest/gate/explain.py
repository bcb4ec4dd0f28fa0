"""The reasoning for each finding, as text a person can follow: what was seen, against what, how sure, and why it counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadtest.errors import ConfigurationError
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.verdicts import RegressionReport, Verdict
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import SEVERITY, Criterion, RunStatus
from loadtest.wording import change, has_unit, metric_label, ms, percent, quantity, subject, threshold

_RULES = {
    Criterion.VALIDITY: "Can the measurement be believed?",
    Criterion.CONTRACT: "Is the data fit to be judged?",
    Criterion.SERVICE: "Did the service stay up under the load?",
    Criterion.REQUIRED: "Were the required endpoints requested?",
    Criterion.ERRORS: "Are there more errors than there should be?",
    Criterion.TARGET: "Are the targets met? (fail: the 95 % bound is beyond it; pass: the other bound is within)",
    Criterion.REGRESSION: "Is an endpoint slower than the baseline? (a suspicion is measured again)",
    Criterion.GLOBAL: "Are all endpoints together slower, and is it the host?",
    Criterion.THROUGHPUT: "Throughput",
    Criterion.CAPACITY: "How many users does the service hold?",
    Criterion.DRIFT: "Has an endpoint drifted away from the anchor?",
}
_INDENT = "    "


def explain(folder: RunFolder, endpoint: str | None = None) -> str:
    """All findings of a run, or those of one endpoint, grouped by rule, worst first, each with its numbers.

    Raises ConfigurationError when the run was not judged yet, or has nothing about this endpoint.
    """
    verdict = Verdict.read(folder.verdict)
    report = RegressionReport.read(folder.regression_report) if folder.regression_report.exists() else None
    lines = [f"{verdict.run_id}: {verdict.sentence}"]
    if verdict.status is RunStatus.NOT_RUN:
        return "\n".join([*lines, "No load went out, so there is nothing to explain.", ""])
    findings = _about(verdict, endpoint)
    if report is not None and endpoint is None:
        lines += _context(report)
    for criterion, question in _RULES.items():
        own = [finding for finding in findings if finding.criterion is criterion]
        if own:
            lines += ["", question]
            for finding in sorted(own, key=lambda each: SEVERITY.index(each.outcome)):
                lines += _finding(finding)
    lines += _detectable(verdict, endpoint)
    return "\n".join([*lines, ""])


def _about(verdict: Verdict, endpoint: str | None) -> Sequence[Finding]:
    if endpoint is None:
        return verdict.findings
    found = [finding for finding in verdict.findings if finding.endpoint == endpoint]
    if not found:
        known = sorted({finding.endpoint for finding in verdict.findings if finding.endpoint})
        raise ConfigurationError(
            f"Run {verdict.run_id} has no finding about {endpoint!r}; endpoints with findings: {', '.join(known) or 'none'}."
        )
    return found


def _context(report: RegressionReport) -> list[str]:
    comparison = report.comparison
    if not comparison.compared:
        return [f"Compared with: nothing ({comparison.reason.rstrip('.') or 'no reason given'})."]
    lines = [
        f"Compared with: baseline version {comparison.baseline_version}, {comparison.baseline_runs} runs of {comparison.builds} "
        f"builds; runs judged: {comparison.candidate_runs}."
    ]
    if comparison.host_factor is not None:
        lines.append(f"Common factor of all endpoints, removed from each comparison: {change(comparison.host_factor)}.")
    if comparison.reason:
        lines.append(comparison.reason)
    return lines


def _finding(finding: Finding) -> list[str]:
    muted = f" [{finding.mute_reason}]" if finding.mute_reason else ""
    lines = [f"  {finding.outcome:<12} {finding.sentence}{muted}"]
    lines += [f"{_INDENT}{name}: {value}" for name, value in _numbers(finding)]
    return lines


def _numbers(finding: Finding) -> list[tuple[str, str]]:
    """Every number of a finding with its name and unit."""
    rows = []
    unit = finding.metric or ""
    relative = finding.criterion in (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.DRIFT, Criterion.CAPACITY)
    if finding.observed is not None and has_unit(unit):
        rows.append(("observed", quantity(unit, finding.observed)))
    if finding.reference is not None and has_unit(unit):
        target = finding.criterion is Criterion.TARGET
        rows.append(("target", threshold(unit, finding.reference)) if target else ("baseline", quantity(unit, finding.reference)))
    if finding.effect is not None:
        rows.append(("difference", change(finding.effect)))
    if finding.interval is not None:
        ends = [change(end) if relative else quantity(unit, end) for end in finding.interval]
        rows.append(("90 % interval" if relative else "one-sided 95 % bounds", " to ".join(ends)))
    if finding.p_adjusted is not None:
        rows.append(("adjusted p", f"{finding.p_adjusted:.2g}"))
    if finding.n is not None:
        rows.append(("requests", f"{finding.n:,}"))
    for name, value in finding.evidence.items():
        if value is not None:
            shown = quantity(unit, float(value)) if name in ("lower_95", "upper_95") else _fact(name, value)
            rows.append((name.replace("_", " "), shown))
    return rows


def _fact(name: str, value: float | int | str) -> str:
    if not isinstance(value, float):
        return value if isinstance(value, str) else f"{value:,}"
    if name.endswith(("_effect", "_low", "_high")) or name in ("host_factor", "probe_change", "without_host"):
        return change(value)
    if name.endswith("_ms"):
        return ms(value)
    if name in ("tolerance", "saturated_share"):
        return percent(value)
    return f"{value:.4g}" if math.isfinite(value) else "unbounded"


def _detectable(verdict: Verdict, endpoint: str | None) -> list[str]:
    rows = [row for row in verdict.detectable if endpoint in (None, row.endpoint)]
    if not rows:
        return []
    at_best = verdict.comparison is not None and not verdict.comparison.compared
    could = "could at best detect against a baseline of eight runs" if at_best else "could have detected"
    lines = ["", f"Smallest regression that this run {could} (80 % power):"]
    return lines + [f"  {change(row.effect):>7}  {subject(row.endpoint)} ({metric_label(row.metric)})" for row in rows]
