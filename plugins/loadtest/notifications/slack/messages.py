"""Verdict and incident as Slack messages (Block Kit). Pure; every block is checked against Slack's limits as it is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextListElement,
    RichTextSectionElement,
    SectionBlock,
)

from loadtest import wording
from loadtest.gate.records.muted import muted_words
from loadtest.gate.records.verdicts import Verdict
from loadtest.notifications.policy.models import Incident, Links, Symptom
from loadtest.notifications.slack.text import literal, mrkdwn
from loadtest.reporting import format as show
from loadtest.reporting.escape import fit, web_url
from loadtest.vocabulary import Outcome

MOST_BLOCKS, MOST_TEXT, MOST_HEADER, MOST_FIELDS = 50, 3_000, 150, 10
MOST_FINDINGS = 5
MOST_SENTENCE = 400

Text = RichTextElementParts.Text
BOLD, CODE = RichTextElementParts.TextStyle(bold=True), RichTextElementParts.TextStyle(code=True)


@dataclass(frozen=True)
class Message:
    """`text` is the fallback for notifications and screen readers (mrkdwn, escaped); `blocks` is what people see."""

    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)


def alert(verdict: Verdict, incident: Incident, links: Links, slowdown: str | None = None) -> Message:
    """A new incident, told from the start; also what an edited alert shows while the incident is open.

    `slowdown`: what the run slowed down on purpose, so that nobody takes a demonstration for a regression.
    """
    title = _title(incident.level, verdict)
    hidden = muted_words(verdict.findings)
    blocks: list[Block] = [
        header(title),
        *([paragraph(_still(incident))] if incident.sightings > 1 else []),
        *([paragraph(f"This run slowed its backend down on purpose: {slowdown}")] if slowdown else []),
        *bullets("What is wrong", [one.sentence for one in incident.symptoms]),
        *([paragraph(f"Not counted: {hidden}.")] if hidden else []),
        *_recommendation(verdict),
        fields(_facts(verdict, incident)),
        *_buttons(links),
        context(f"Run {verdict.run_id}, {wording.moment(verdict.ended_at or verdict.created_at)}"),
    ]
    return message(f"{title}: {_worst(incident.symptoms)}", blocks)


def follow_up(verdict: Verdict, incident: Incident, links: Links, note: str) -> Message:
    """News about a known incident: short, as it stands below the alert (or alone, from a webhook)."""
    blocks: list[Block] = [
        paragraph(f"{_where(verdict)}: {note}"),
        *bullets("Now", [one.sentence for one in incident.symptoms]),
        *_buttons(links),
        context(f"Run {verdict.run_id}, commit {wording.commit(verdict.commit)}"),
    ]
    return message(f"{_where(verdict)}: {note}", blocks)


def recovered(verdict: Verdict, incident: Incident, links: Links, note: str) -> Message:
    """The end of an incident."""
    title = f"{show.outcome_sign(Outcome.PASS)} Over: {_where(verdict)}"
    since = f"It was first seen in run {incident.first_run} and in {_runs(incident.sightings)}."
    blocks: list[Block] = [
        header(title),
        paragraph(f"{note}. {since}"),
        *_buttons(links),
        context(f"Run {verdict.run_id}, commit {wording.commit(verdict.commit)}"),
    ]
    return message(f"{title}: {note}", blocks)


def closed_alert(verdict: Verdict, incident: Incident, links: Links, note: str) -> Message:
    """What the alert itself becomes once its incident is over."""
    title = f"{show.outcome_sign(Outcome.PASS)} Over: {_where(verdict)}"
    blocks: list[Block] = [
        header(title),
        paragraph(f"{note}."),
        fields(_facts(verdict, incident)),
        *bullets("What was wrong", [one.sentence for one in incident.symptoms]),
        *_buttons(links),
    ]
    return message(f"{title}: {note}", blocks)


# --- building blocks, used by the digest and the pipeline's own alerts too


def message(text: str, blocks: Sequence[Block]) -> Message:
    """Checks every block; too many are cut, with a last line that says so."""
    kept = list(blocks)
    if len(kept) > MOST_BLOCKS:
        kept = [*kept[: MOST_BLOCKS - 1], context(f"{len(kept) - MOST_BLOCKS + 1} more parts are in the report")]
    for block in kept:
        block.validate_json()
    return Message(text=fit(mrkdwn(text, 1_000), MOST_TEXT), blocks=[block.to_dict() for block in kept])


def header(text: str) -> HeaderBlock:
    return HeaderBlock(text=PlainTextObject(text=fit(literal(text), MOST_HEADER), emoji=False))


def paragraph(text: str) -> RichTextBlock:
    return RichTextBlock(elements=[RichTextSectionElement(elements=[Text(text=literal(text, 1_200))])])


def fields(facts: Sequence[tuple[str, str]]) -> SectionBlock:
    """Label and value pairs in two columns."""
    texts = [f"{label}\n{literal(value, 200)}" for label, value in facts[:MOST_FIELDS]]
    return SectionBlock(fields=[PlainTextObject(text=fit(text, 2_000), emoji=False) for text in texts])


def bullets(title: str, sentences: Sequence[str], most: int = MOST_FINDINGS) -> list[Block]:
    """A titled list of at most `most` sentences and how many more there are; nothing if there are none."""
    if not sentences:
        return []
    room = (MOST_TEXT - 200) // most
    shown = [fit(literal(one, min(MOST_SENTENCE, room)), room) for one in sentences[:most]]
    if len(sentences) > most:
        shown.append(f"and {len(sentences) - most} more, see the report")
    items = [RichTextSectionElement(elements=[Text(text=one)]) for one in shown]
    heading = RichTextSectionElement(elements=[Text(text=title, style=BOLD)])
    return [RichTextBlock(elements=[heading, RichTextListElement(style="bullet", elements=items)])]


def context(text: str) -> ContextBlock:
    return ContextBlock(elements=[PlainTextObject(text=literal(text, 300), emoji=False)])


def buttons(targets: Sequence[tuple[str, str, str | None]]) -> list[Block]:
    """`(label, action id, url)` each; those without a usable url are left out."""
    usable = [(label, action, web_url(url)) for label, action, url in targets]
    elements = [ButtonElement(text=label, action_id=action, url=url) for label, action, url in usable if url]
    return [ActionsBlock(elements=elements)] if elements else []


# --- parts


def _title(level: Outcome, verdict: Verdict) -> str:
    return f"{show.outcome_sign(level)} {show.outcome_label(level)}: {_where(verdict)}"


def _where(verdict: Verdict) -> str:
    place = f"{verdict.scenario} on {verdict.environment}, {verdict.profile}"
    if verdict.pull_request is not None:
        place += f", pull request {verdict.pull_request}"
    elif verdict.branch and verdict.branch not in ("main", "master"):
        place += f", branch {verdict.branch}"
    return place


def _still(incident: Incident) -> str:
    return f"Still so, seen in {_runs(incident.sightings)} since {wording.moment(incident.opened_at)}."


def _worst(symptoms: Sequence[Symptom]) -> str:
    return symptoms[0].sentence if symptoms else ""


def _facts(verdict: Verdict, incident: Incident) -> list[tuple[str, str]]:
    facts = [("Commit", wording.commit(verdict.commit))]
    if verdict.branch:
        facts.append(("Branch", verdict.branch))
    if verdict.comparison is not None:
        facts.append(("Baseline", _baseline(verdict)))
    facts.append(("Seen in", _runs(incident.sightings)))
    if incident.sightings > 1:
        facts.append(("First seen", f"{wording.moment(incident.opened_at)}, commit {wording.commit(incident.first_commit)}"))
    return facts


def _baseline(verdict: Verdict) -> str:
    comparison = verdict.comparison
    if comparison is None or not comparison.compared:
        return (comparison.reason if comparison else "") or "not compared"
    version = f"version {comparison.baseline_version}, " if comparison.baseline_version is not None else ""
    return f"{version}{_runs(comparison.baseline_runs)}"


def _runs(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"


def _recommendation(verdict: Verdict) -> list[Block]:
    if not verdict.recommendations:
        return []
    first = verdict.recommendations[0]
    evidence = show.unless_said(first.evidence, *(finding.sentence for finding in verdict.findings))
    parts = [
        Text(text=literal(f"What to do: {first.title}", 300), style=BOLD),
        Text(text="\n" + literal(wording.sentences(evidence, first.next_step), 1_000)),
    ]
    if first.command:
        parts += [Text(text="\n"), Text(text=literal(first.command, 400), style=CODE)]
    return [RichTextBlock(elements=[RichTextSectionElement(elements=parts)])]


def _buttons(links: Links) -> list[Block]:
    return buttons(
        [("Report", "report", links.report), ("Airflow run", "airflow", links.airflow), ("Trend", "dashboard", links.dashboard)]
    )
