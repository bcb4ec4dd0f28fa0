"""`junit.xml`: one test case per endpoint and criterion, so that CI systems show findings as tests.

fail -> failure; invalid and not run -> error; warn, inconclusive and muted -> skipped with the reason, since JUnit knows no
third color and a doubt must not look like a pass; pass -> passed.
"""

from __future__ import annotations

from collections import defaultdict
from xml.etree import ElementTree as xml

from loadtest.gate.records.findings import Finding
from loadtest.reporting import facts, format
from loadtest.reporting.escape import NAME_LIMIT, plain, xml_text
from loadtest.reporting.inputs import RunFiles
from loadtest.vocabulary import SEVERITY, Criterion, Outcome

WHOLE_RUN = "whole run"


def render_junit(files: RunFiles) -> bytes:
    """The document as UTF-8. The last suite holds the verdict itself, so no run without a pass looks green."""
    suites: dict[str, list[xml.Element]] = defaultdict(list)
    for (criterion, endpoint), findings in _grouped(files.findings).items():
        suites[criterion].append(_case(files, criterion, endpoint, findings))
    suites["verdict"].append(_verdict_case(files))
    root = xml.Element("testsuites", name=f"load test: {xml_text(facts.title(files), 300)}")
    totals = [_suite(root, name, cases, files) for name, cases in suites.items()]
    for position, key in enumerate(("tests", "failures", "errors", "skipped")):
        root.set(key, str(sum(total[position] for total in totals)))
    xml.indent(root)
    return xml.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _grouped(findings: tuple[Finding, ...]) -> dict[tuple[Criterion, str], list[Finding]]:
    """Findings of one criterion at one endpoint, in the order of first appearance (worst first)."""
    groups: dict[tuple[Criterion, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.criterion, finding.endpoint or WHOLE_RUN].append(finding)
    return dict(sorted(groups.items(), key=lambda item: (list(Criterion).index(item[0][0]), item[0][1])))


def _case(files: RunFiles, criterion: Criterion, endpoint: str, findings: list[Finding]) -> xml.Element:
    case = xml.Element(
        "testcase", name=plain(endpoint, NAME_LIMIT) or "(empty name)", classname=_class_name(files, criterion), time="0"
    )
    counted = [finding for finding in findings if finding.counts]
    worst_first = sorted(counted, key=lambda finding: SEVERITY.index(finding.outcome))
    text = "\n".join(_line(finding) for finding in findings)
    if not counted:
        _skip(case, f"muted: {findings[0].mute_reason or 'no reason given'}")
    else:
        _mark(case, worst_first[0].outcome, worst_first[0].sentence, text)
    out = xml.SubElement(case, "system-out")
    out.text = xml_text(text, 4_000)
    return case


def _mark(case: xml.Element, outcome: Outcome | None, sentence: str, text: str) -> None:
    message = plain(sentence)
    if outcome is Outcome.FAIL:
        xml.SubElement(case, "failure", type="fail", message=message).text = xml_text(text, 4_000)
    elif outcome is Outcome.INVALID or outcome is None:
        xml.SubElement(case, "error", type=outcome.value if outcome else "not_run", message=message).text = xml_text(text, 4_000)
    elif outcome is not Outcome.PASS:
        _skip(case, f"{outcome.value}: {sentence}")


def _skip(case: xml.Element, message: str) -> None:
    xml.SubElement(case, "skipped", message=plain(message))


def _line(finding: Finding) -> str:
    numbers = format.finding_numbers(finding)
    muted = f" (muted: {finding.mute_reason})" if finding.muted else ""
    return f"{finding.outcome.value}: {plain(finding.sentence)}{f' [{numbers}]' if numbers else ''}{plain(muted)}"


def _verdict_case(files: RunFiles) -> xml.Element:
    case = xml.Element("testcase", name="verdict", classname=_class_name(files, None), time="0")
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


def _suite(root: xml.Element, name: str, cases: list[xml.Element], files: RunFiles) -> tuple[int, int, int, int]:
    failures, errors, skipped = (sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped"))
    counts = (len(cases), failures, errors, skipped)
    suite = xml.SubElement(root, "testsuite", name=name)
    for key, number in zip(("tests", "failures", "errors", "skipped"), counts, strict=True):
        suite.set(key, str(number))
    if files.load:
        suite.set("timestamp", files.load.started_at.strftime("%Y-%m-%dT%H:%M:%S"))
    suite.extend(cases)
    return counts
