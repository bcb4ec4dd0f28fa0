"""What GitHub shows: issues, comments, the sticky comment of a pull request, commit statuses. Pure; GitHub-flavored Markdown.

Hidden markers name each text for ever, so that it is found again whatever was lost on our side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest import wording
from loadtest.gate.records.regressions import in_short
from loadtest.gate.records.verdicts import Verdict
from loadtest.notifications.policy.models import Incident, Links, NotificationConfig
from loadtest.reporting import format as show
from loadtest.reporting.escape import fit, markdown, markdown_code, plain, shorten, web_url
from loadtest.vocabulary import Outcome, RunStatus

INCIDENT_LABEL = "load-test-regression"
MOST_BODY = 60_000  # GitHub takes 65,536
MOST_TITLE, MOST_DESCRIPTION, MOST_ROWS = 200, 140, 30

STATUS_STATES = {
    Outcome.PASS: "success",
    Outcome.WARN: "success",
    Outcome.INCONCLUSIVE: "success",
    Outcome.FAIL: "failure",
    Outcome.INVALID: "error",
    None: "error",
}


@dataclass(frozen=True)
class Telling:
    """The run that is told about. `summary`: its summary.md, which is Markdown of our own and escaped already.
    `slowdown`: what the run slowed down on purpose."""

    verdict: Verdict
    links: Links
    config: NotificationConfig
    summary: str | None = None
    slowdown: str | None = None


def incident_marker(incident: Incident) -> str:
    return f"<!-- loadtest:incident {incident.id} -->"


def run_marker(run_id: str, incident: Incident) -> str:
    return f"<!-- loadtest:run {_safe(run_id)} {incident.id} -->"


def sticky_marker(verdict: Verdict) -> str:
    return f"<!-- loadtest:comment {_safe(verdict.scenario)}/{_safe(verdict.environment)}/{_safe(verdict.profile)} -->"


def issue_title(verdict: Verdict, incident: Incident) -> str:
    names = [shorten(plain(name, 400), 80) for name in incident.endpoints]
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return fit(f"Load test: {', '.join(names[:2])}{more} ({verdict.scenario} on {verdict.environment})", MOST_TITLE)


def issue_body(telling: Telling, incident: Incident) -> str:
    """The state of the incident; rewritten on each run that sees it."""
    verdict = telling.verdict
    rows = [
        f"| {markdown_code(one.endpoint)} | {show.criterion_label(one.criterion)} | {show.outcome_label(one.level)} "
        f"| {markdown(one.sentence)} |"
        for one in incident.symptoms[:MOST_ROWS]
    ]
    more = len(incident.symptoms) - len(rows)
    parts = [
        incident_marker(incident),
        f"This run slowed its backend down on purpose: {markdown_code(telling.slowdown)}" if telling.slowdown else "",
        f"Scenario {markdown_code(verdict.scenario)}, environment {markdown_code(verdict.environment)}, "
        f"profile {markdown_code(verdict.profile)}.",
        "\n".join(["| Endpoint | Criterion | Outcome | What |", "| --- | --- | --- | --- |", *rows]),
        f"{more} more are in the report." if more > 0 else "",
        f"First seen {wording.moment(incident.opened_at)} in run {markdown_code(incident.first_run)}"
        f"{_commit(incident.first_commit)}; last seen {wording.moment(incident.last_at)} in run "
        f"{markdown_code(incident.last_run)}{_commit(incident.last_commit)}; "
        f"seen in {wording.plural(incident.sightings, 'run')}.",
        _recommendations(verdict),
        _links(telling.links),
        _teams(telling.config),
        "<sub>This issue is kept up to date by the load test and closed when every endpoint is well again. "
        "A known matter can be muted or accepted with <code>loadtest mute</code> and <code>loadtest accept</code>.</sub>",
    ]
    return _join(parts)


def issue_comment(telling: Telling, incident: Incident, note: str) -> str:
    verdict = telling.verdict
    sentences = [f"- {markdown(one.sentence)}" for one in incident.symptoms[:10]]
    parts = [
        run_marker(verdict.run_id, incident),
        f"{markdown(note[:1].upper() + note[1:])} (run {markdown_code(verdict.run_id)}{_commit(verdict.commit)}).",
        "\n".join(sentences),
        _links(telling.links),
    ]
    return _join(parts)


def closing_comment(telling: Telling, incident: Incident, note: str) -> str:
    verdict = telling.verdict
    parts = [
        run_marker(verdict.run_id, incident),
        f"{markdown(note[:1].upper() + note[1:])} (run {markdown_code(verdict.run_id)}{_commit(verdict.commit)}). "
        f"It was seen in {incident.sightings} {'run' if incident.sightings == 1 else 'runs'}.",
        _links(telling.links),
    ]
    return _join(parts)


def sticky_comment(telling: Telling) -> str:
    """The pull request's one comment per scenario, environment and profile."""
    verdict = telling.verdict
    if telling.summary:
        body = fit(telling.summary.replace("<!-- loadtest:", "<!-- "), MOST_BODY - 2_000)
    else:
        rows = [
            f"| {markdown_code(one.endpoint or 'all requests together')} | {show.criterion_label(one.criterion)} "
            f"| {show.outcome_label(one.outcome)}{' (muted)' if one.muted else ''} | {markdown(in_short(one))} |"
            for one in verdict.findings
            if one.alarms
        ][:MOST_ROWS]
        table = "\n".join(["| Endpoint | Criterion | Outcome | What |", "| --- | --- | --- | --- |", *rows]) if rows else ""
        label = f"{show.outcome_sign(verdict.outcome)} {show.outcome_label(verdict.outcome)}"
        title = f"### Load test: {label}, {verdict.scenario} on {verdict.environment}, {verdict.profile}"
        said = "" if rows else markdown(show.headline(verdict.sentence, verdict.outcome))
        body = _join([title, said, table, _recommendations(verdict)])
    commit = f"<sub>{_measured(verdict)}, run {markdown_code(verdict.run_id)}</sub>"
    return _join([sticky_marker(verdict), body, _links(telling.links), commit])


def status_state(verdict: Verdict) -> str:
    """GitHub knows success, failure, error and pending: warnings and inconclusive runs block nobody."""
    return STATUS_STATES[verdict.outcome if verdict.status is RunStatus.JUDGED else None]


def status_context(verdict: Verdict) -> str:
    names = (verdict.scenario, verdict.environment, verdict.profile)
    return "/".join(("loadtest", *(_safe(name)[:60] for name in names if name not in ("", "None"))))


def status_description(verdict: Verdict) -> str:
    return fit(plain(verdict.sentence, 1_000), MOST_DESCRIPTION)


def _recommendations(verdict: Verdict) -> str:
    lines = []
    said = [finding.sentence for finding in verdict.findings]
    for one in verdict.recommendations[:3]:
        text = wording.sentences(show.unless_said(one.evidence, *said), one.next_step)
        lines.append(f"- **{markdown(one.title)}**: {markdown(text, 1_000)}")
        if one.command:
            lines.append(f"  {markdown_code(one.command, 400)}")
    return "\n".join(["**What to do**", "", *lines]) if lines else ""


def _links(links: Links) -> str:
    named = (("Report", links.report), ("Airflow run", links.airflow), ("Trend", links.dashboard))
    return " · ".join(f"[{label}](<{url}>)" for label, target in named if (url := web_url(target)))


def _teams(config: NotificationConfig) -> str:
    teams = [name if name.startswith("@") else f"@{name}" for name in config.assignees if "/" in name]
    return f"For {', '.join(teams)}." if teams else ""


def _commit(commit: str | None) -> str:
    return f", commit {markdown_code(wording.commit(commit))}" if commit else ""


def _measured(verdict: Verdict) -> str:
    """The build that the comment speaks of; a commit that was merely asked for is called so."""
    if verdict.commit is None:
        asked = f" (asked for: {markdown_code(wording.commit(verdict.asked_commit))})" if verdict.asked_commit else ""
        return f"Build unknown{asked}"
    named = markdown_code(wording.commit(verdict.commit))
    return f"Commit {named}, not measured" if verdict.status is RunStatus.NOT_RUN else f"Commit {named}"


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._/-]", "-", name)


def _join(parts: Sequence[str]) -> str:
    return fit("\n\n".join(part for part in parts if part), MOST_BODY)
