"""A comparison as GitHub-flavored Markdown: for a pull request or a wiki."""

from __future__ import annotations

from loadtest import wording
from loadtest.comparing import words
from loadtest.comparing.models import EndpointComparison, RunComparison
from loadtest.reporting.escape import markdown, markdown_code

MOST_ENDPOINTS = 50


def render_markdown(comparison: RunComparison) -> str:
    """Ends with a line feed. Nothing from outside is markup, a link, a mention or a reference."""
    lines = ["## Two runs compared", "", f"**{markdown(comparison.sentence)}**", ""]
    lines += [f"- {markdown(words.side(name, side))}" for name, side in (("A", comparison.first), ("B", comparison.second))]
    if comparison.differences:
        lines += ["", "| | A | B | |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {markdown(one.name)} | {markdown(one.first)} | {markdown(one.second)} | {'matters' if one.matters else ''} |"
            for one in comparison.differences
        ]
    if comparison.reasons:
        lines += ["", *(f"> {markdown(reason)}" for reason in comparison.reasons)]
    if comparison.endpoints:
        lines += ["", *_table(comparison)]
    told = [words.shared(comparison), words.honesty(comparison), *comparison.notes]
    lines += [line for text in told if text for line in ("", markdown(text, 800))]
    return "\n".join(lines) + "\n"


def _table(comparison: RunComparison) -> list[str]:
    shown = comparison.endpoints[:MOST_ENDPOINTS]
    lines = ["| Endpoint | Metric | A | B | Change | 90 % interval | |", "| --- | --- | ---: | ---: | ---: | ---: | --- |"]
    for row in shown:
        lines += _rows(row)
    hidden = len(comparison.endpoints) - len(shown)
    return lines + ([f"\n{wording.plural(hidden, 'more endpoint')}."] if hidden > 0 else [])


def _rows(row: EndpointComparison) -> list[str]:
    told = words.telling(row)
    if not told:
        return [f"| {markdown_code(row.endpoint)} | | | | | | too few requests |"]
    found = []
    for number, change in enumerate(told):
        says = f"{words.SIGNS[change.standing]} {words.LABELS[change.standing]}" if change.effect is not None else ""
        says += ", more errors" if row.errors_risen and not number else ""
        cells = [
            markdown_code(row.endpoint) if not number else "",
            wording.metric_label(change.metric),
            words.value(change.metric, change.first),
            words.value(change.metric, change.second),
            wording.change(change.effect),
            wording.change_interval(change.interval),
            says.lstrip(", "),
        ]
        found.append(f"| {' | '.join(cells)} |")
    return found
