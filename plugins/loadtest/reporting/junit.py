"""`junit.xml`: one test case per endpoint and criterion, so that CI systems show findings as tests.

fail -> failure; invalid and not run -> error; warn, inconclusive and muted -> skipped with the reason, since JUnit knows no
third color and a doubt must not look like a pass; pass -> passed.
"""

from __future__ import annotations

from collections import defaultdict

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from loadtest.gate.records.findings import Finding
from loadtest.reporting import facts, format
from loadtest.reporting.escape import NAME_LIMIT, plain, xml_text
from loadtest.reporting.inputs import RunFiles
from loadtest.vocabulary import SEVERITY, Criterion, Outcome

WHOLE_RUN = "whole run"


def render_junit(files: RunFiles) -> bytes:
    """The document as UTF-8. The last suite holds the verdict itself, so no run without a pass looks green."""
    suites: dict[str, list[TestCase]] = defaultdict(list)
    for (criterion, endpoint), findings in _grouped(files.findings).items():
        suites[criterion].append(_case(files, criterion, endpoint, findings))
    suites["verdict"].append(_verdict_case(files))
    document = JUnitXml(f"load test: {xml_text(facts.title(files), 300)}")
    for name, cases in suites.items():
        suite = TestSuite(name)
        if files.load:
            suite.timestamp = files.load.started_at.strftime("%Y-%m-%dT%H:%M:%S")
        suite.extend(cases)
        document.append(suite)
    document.update_statistics()
    return document.tostring() + b"\n"


def _grouped(findings: tuple[Finding, ...]) -> dict[tuple[Criterion, str], list[Finding]]:
    """Findings of one criterion at one endpoint, in the order of first appearance (worst first)."""
    groups: dict[tuple[Criterion, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.criterion, finding.endpoint or WHOLE_RUN].append(finding)
    return dict(sorted(groups.items(), key=lambda item: (list(Criterion).index(item[0][0]), item[0][1])))


def _case(files: RunFiles, criterion: Criterion, endpoint: str, findings: list[Finding]) -> TestCase:
    case = TestCase(plain(endpoint, NAME_LIMIT) or "(empty name)", _class_name(files, criterion), 0.0)
    counted = [finding for finding in findings if finding.counts]
    worst_first = sorted(counted, key=lambda finding: SEVERITY.index(finding.outcome))
    text = "\n".join(_line(finding) for finding in findings)
    if not counted:
        case.append(Skipped(plain(f"muted: {findings[0].mute_reason or 'no reason given'}")))
    else:
        _mark(case, worst_first[0].outcome, worst_first[0].sentence, text)
    case.system_out = xml_text(text, 4_000)
    return case


def _mark(case: TestCase, outcome: Outcome | None, sentence: str, text: str) -> None:
    if outcome is Outcome.PASS:
        return
    if outcome in (Outcome.FAIL, Outcome.INVALID, None):
        kind = Failure if outcome is Outcome.FAIL else Error
        result = kind(plain(sentence), outcome.value if outcome else "not_run")
        result.text = xml_text(text, 4_000)
        case.append(result)
    else:
        case.append(Skipped(plain(f"{outcome.value}: {sentence}")))


def _line(finding: Finding) -> str:
    numbers = format.finding_numbers(finding)
    muted = f" (muted: {finding.mute_reason})" if finding.muted else ""
    return f"{finding.outcome.value}: {plain(finding.sentence)}{f' [{numbers}]' if numbers else ''}{plain(muted)}"


def _verdict_case(files: RunFiles) -> TestCase:
    case = TestCase("verdict", _class_name(files, None), 0.0)
    if files.verdict is None:
        _mark(case, None, facts.no_verdict_sentence(files), "\n".join(facts.missing(files)))
    else:
        _mark(
            case, files.verdict.outcome, files.verdict.sentence, "\n".join(plain(reason) for reason in files.verdict.reasons[:50])
        )
    return case


def _class_name(files: RunFiles, criterion: Criterion | None) -> str:
    series = facts.series(files)
    return ".".join(["loadtest", *series, criterion.value if criterion else "verdict"])
