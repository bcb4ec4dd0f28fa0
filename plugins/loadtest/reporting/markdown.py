"""`summary.md`: the report in a page of GitHub-flavored Markdown, for job summaries, pull requests and terminals."""

from __future__ import annotations

from functools import partial

from loadtest import wording
from loadtest.reporting import format
from loadtest.reporting.escape import markdown, markdown_code
from loadtest.reporting.records import BaseNumbers, EndpointRow, FindingView, ReportView

MOST_SLOWER = 20
MOST_FINDINGS = 20
MOST_ENDPOINTS = 50
MOST_FAILURES = 10


def render_summary(view: ReportView) -> str:
    """The whole summary; ends with a line feed. Nothing from outside is markup, a link, a mention or a reference."""
    makers = (_head, _slower, _steps, _findings, _capacity, _endpoints, _failures, _foot)
    parts = [make(view) for make in makers]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(view: ReportView) -> str:
    lines = [
        f"## {format.outcome_sign(view.outcome)} {view.outcome_label}: {markdown(view.title)}",
        f"**{markdown(view.sentence)}**",
    ]
    lines += [f"> {markdown(notice)}" for notice in view.notices + view.missing]
    if context := " ".join(part for part in (view.coverage, view.comparison) if part):
        lines.append(markdown(context))
    return "\n\n".join(lines)


def _slower(view: ReportView) -> str:
    """What became slower, a row each; the statistics behind are in the report."""
    if not view.slower:
        return ""
    rows = [
        _line(
            [
                markdown_code(row.endpoint),
                row.metric,
                row.before or wording.NONE,
                row.after or wording.NONE,
                f"**{row.change}**" + (f" ({row.interval})" if row.interval else ""),
                row.since or "unknown",
                markdown(row.server) or "unknown",
            ]
        )
        for row in view.slower[:MOST_SLOWER]
    ]
    headings = ["Slower", "", "Before", "After", "Change (90 % interval)", "Since", "In the server"]
    rules = ["---", "---", "---:", "---:", "---:", "---", "---"]
    return "\n".join([_line(headings), _line(rules), *rows]) + _more(len(view.slower) - MOST_SLOWER, "verdict.json")


def _steps(view: ReportView) -> str:
    if not view.steps:
        return ""
    lines = ["### What to do", ""]
    for step in view.steps:
        text = " ".join(markdown(part) for part in (step.evidence, step.next_step) if part)
        command = f" {markdown_code(step.command, 400)}" if step.command else ""
        lines.append(f"1. **{markdown(step.title)}** {text}{command}")
    return "\n".join(lines)


def _findings(view: ReportView) -> str:
    parts = []
    if view.reasons:
        parts.append("\n".join(f"- {markdown(reason)}" for reason in view.reasons))
    if findings := [item for item in view.findings if not item.in_rows]:
        lines = ["### Findings", ""] + [_finding(item) for item in findings[:MOST_FINDINGS]]
        parts.append("\n".join(lines) + _more(len(findings) - MOST_FINDINGS, "verdict.json"))
    if view.undecided:
        summary = f"<details><summary>{len(view.undecided):,} undecided: too little evidence either way</summary>"
        listed = "\n".join(_finding(item) for item in view.undecided[:MOST_FINDINGS])
        parts += [summary, listed + _more(len(view.undecided) - MOST_FINDINGS, "verdict.json"), "</details>"]
    return "\n\n".join(parts)


def _finding(item: FindingView) -> str:
    muted = f" _(muted, not counted: {markdown(item.mute_reason) or 'no reason given'})_" if item.muted else ""
    outcome = f"{format.outcome_sign(item.outcome)} **{format.outcome_label(item.outcome)}**"
    return f"- {outcome}, {item.criterion}: {markdown(item.sentence)}{muted}"


def _capacity(view: ReportView) -> str:
    if view.capacity is None:
        return ""
    lines = ["### Steps of the search", "", f"Deciding: {markdown(view.capacity.deciding)}.", ""]
    lines += ["| Users | Held | Deciding | p95 ms | Errors | Per second |", "| ---: | --- | ---: | ---: | ---: | ---: |"]
    for row in view.capacity.rows:
        numbers = [row.deciding, wording.ms_number(row.p95_ms), wording.percent(row.error_rate), wording.rate(row.rps)]
        lines.append(_line([wording.number(row.users), row.held, *numbers]))
    return "\n".join(lines)


def _endpoints(view: ReportView) -> str:
    if not view.endpoints:
        return ""
    rows = view.endpoints[:MOST_ENDPOINTS]  # worst first
    if view.side_by_side:
        headings = ["Endpoint", "Outcome", "Requests", "p50 ms", "p95 ms", "Errors", "Change", "90 % interval", "Target"]
        cells_of = _row_side_by_side
        title = "### Endpoints, base → candidate"
    else:
        headings = ["Endpoint", "Outcome", "Requests", "Per second", "p50 ms", "p95 ms", "p99 ms", "Errors", "Target"]
        if view.large_answers:
            headings.insert(4, "MB/s")
        if view.compared:
            headings.insert(-1, "Change")
        cells_of = partial(_row, compared=view.compared, large=view.large_answers)
        title = "### Endpoints"
    rules = ["---" if heading in ("Endpoint", "Outcome", "Target") else "---:" for heading in headings]
    lines = [title, "", _line(headings), _line(rules)]
    lines += [cells_of(row, markdown_code(row.endpoint)) for row in rows]
    if view.total:
        lines.append(cells_of(view.total, f"**{view.total.endpoint}**"))
    return "\n".join(lines) + _more(len(view.endpoints) - MOST_ENDPOINTS, "metrics.json")


def _row(row: EndpointRow, name: str, compared: bool, large: bool) -> str:
    cells = [
        name,
        _outcome(row),
        wording.number(row.n),
        wording.rate(row.rps),
        *([wording.rate(row.mb_per_s)] if large else []),
        wording.ms_number(row.p50_ms),
        wording.ms_number(row.p95_ms),
        wording.ms_number(row.p99_ms),
        wording.percent(row.error_rate),
        *([row.change_text or wording.NONE] if compared else []),
        row.targets or wording.NONE,
    ]
    return _line(cells)


def _row_side_by_side(row: EndpointRow, name: str) -> str:
    base = row.base or BaseNumbers(0, None, None, 0.0)  # an endpoint that the base never answered

    def both(before: str, now: str) -> str:
        return f"{before} → {now}" if row.base else now

    cells = [
        name,
        _outcome(row),
        both(wording.number(base.n), wording.number(row.n)),
        both(wording.ms_number(base.p50_ms), wording.ms_number(row.p50_ms)),
        both(wording.ms_number(base.p95_ms), wording.ms_number(row.p95_ms)),
        both(wording.percent(base.error_rate), wording.percent(row.error_rate)),
        row.change_text or wording.NONE,
        row.change_interval or wording.NONE,
        row.targets or wording.NONE,
    ]
    return _line(cells)


def _outcome(row: EndpointRow) -> str:
    return f"{format.outcome_sign(row.outcome)} {format.outcome_label(row.outcome)}" if row.outcome else wording.NONE


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _failures(view: ReportView) -> str:
    if not view.failures:
        return ""
    lines = [
        "### Failures",
        "",
        f"{wording.number(view.failures_total)} failed requests in the whole run.",
        "",
        "| Count | Endpoint | Cause |",
        "| ---: | --- | --- |",
        *(
            f"| {wording.number(row.count)} | {markdown_code(row.endpoint)} | {markdown_code(row.cause, 200)} |"
            for row in view.failures[:MOST_FAILURES]
        ),
    ]
    return "\n".join(lines) + _more(len(view.failures) - MOST_FAILURES + view.failures_omitted, "loadtest_failures.csv")


def _foot(view: ReportView) -> str:
    lines = [markdown(view.detectable_sentence)] if view.judged else []
    if view.reproduce:
        lines += ["<details><summary>How to reproduce</summary>"]
        lines += [f"{markdown(purpose)}: {markdown_code(command, 1_000)}" for purpose, command in view.reproduce]
        lines += ["</details>"]
    lines.append(f"Run {markdown_code(view.run_id)}, {markdown(view.load) or 'never planned'}. Details: report.html.")
    return "\n\n".join(lines)


def _more(count: int, where: str) -> str:
    return f"\n\n{count:,} more in {where}." if count > 0 else ""
