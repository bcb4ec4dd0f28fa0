"""Who is to be told what: previous state + verdict + what people said -> actions and the new state. Pure.

An endpoint that fails belongs to at most one open incident per line (main, or a branch or pull request). New endpoints of
one run open one incident together; it is told once, followed up when the matter changes, and closed when every endpoint of
it was seen well again with the profile it was seen ill with. `inconclusive` and `invalid` runs never count as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from loadtest.gate.records.verdicts import Verdict
from loadtest.history.models import Acknowledgement, AcknowledgementKind
from loadtest.history.text import endpoint_key
from loadtest.notifications.policy.models import (
    MAIN_LINE,
    Action,
    ActionKind,
    AlertState,
    Incident,
    IncidentKind,
    NotificationConfig,
    Symptom,
)
from loadtest.notifications.policy.symptoms import invalid_symptoms, is_news, is_well, is_worse, symptoms_of
from loadtest.planning.quantities import slugify
from loadtest.vocabulary import Outcome, RunStatus
from loadtest.wording import listing

NEWS_SIGHTINGS = frozenset({2, 5, 10, 20, 50, 100})  # seen again that often is news too
FORGET_SIDE_LINES_AFTER = timedelta(days=60)
KEEP_CLOSED, KEEP_RUNS, KEEP_RUNS_OF_INCIDENT = 20, 200, 50


@dataclass(frozen=True)
class Decision:
    """What to deliver, in this order, and the state once the run is accounted for."""

    actions: tuple[Action, ...]
    state: AlertState


def decide(
    state: AlertState,
    verdict: Verdict,
    config: NotificationConfig,
    acknowledgements: Sequence[Acknowledgement],
    now: datetime,
) -> Decision:
    """Decide for one run. A run that is already accounted for in `state` leads to no action and no change."""
    if verdict.run_id in state.runs:
        return Decision((), state)
    open_before = tuple(one for one in state.open if one.line == MAIN_LINE or now - one.last_at < FORGET_SIDE_LINES_AFTER)
    incidents = _Incidents(verdict, config, tuple(acknowledgements), now, open_before)
    if verdict.status is RunStatus.JUDGED:
        incidents.follow_acknowledgements()
        if verdict.outcome is Outcome.INVALID:
            incidents.follow_invalid()
        else:
            incidents.follow_measured()
    # people in Slack first, then what belongs to the commit, then the issues
    in_slack = tuple(one for one in incidents.actions if one.channel == "slack")
    issues = tuple(one for one in incidents.actions if one.channel == "github")
    actions = (*in_slack, *_about_the_commit(verdict, config), *issues)
    new_state = state.model_copy(
        update={
            "open": tuple(incidents.open),
            "closed": (*incidents.closed, *state.closed)[:KEEP_CLOSED],
            "runs": (*state.runs, verdict.run_id)[-KEEP_RUNS:],
        }
    )
    return Decision(actions, new_state)


def line_of(verdict: Verdict, config: NotificationConfig) -> str:
    """`main` for scheduled and manual runs and pushes to a main branch; else the pull request or branch."""
    if verdict.pull_request is not None:
        return f"pr-{verdict.pull_request}"
    if verdict.branch is None or verdict.branch in config.main_branches:
        return MAIN_LINE
    return f"branch-{slugify(verdict.branch)}"


def incident_id(verdict: Verdict, line: str, endpoints: Sequence[str]) -> str:
    """The same for the same scenario, environment, line and set of endpoints, for ever."""
    text = "\n".join((verdict.scenario, verdict.environment, line, *sorted(endpoints)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Incidents:
    """Works through one run's verdict; collects actions and what stays open."""

    def __init__(
        self,
        verdict: Verdict,
        config: NotificationConfig,
        acknowledgements: tuple[Acknowledgement, ...],
        now: datetime,
        open_before: tuple[Incident, ...],
    ) -> None:
        self.verdict, self.config, self.now = verdict, config, now
        self.acknowledgements = acknowledgements
        self.line = line_of(verdict, config)
        self.open = list(open_before)
        self.closed: list[Incident] = []
        self.actions: list[Action] = []
        self.slack = self.line == MAIN_LINE or config.side_line_alerts
        self.issues = self.line == MAIN_LINE and config.issues and (verdict.repository or config.repository) is not None

    # --- what people said

    def follow_acknowledgements(self) -> None:
        """Close what was called a false alarm; what was accepted stays known, but is not talked about unless it gets worse."""
        for incident in self._regressions():
            said = [one for endpoint in incident.endpoints if (one := self._said(incident, endpoint))]
            if incident.accepted or len(said) < len(incident.endpoints):
                continue
            word = "accepted" if said[-1].kind is AcknowledgementKind.ACCEPT else "marked as a false alarm"
            self._close(incident, f"{word} by {said[-1].by}: {said[-1].reason}")
            if said[-1].kind is AcknowledgementKind.ACCEPT:
                self.closed.pop()
                self.open.append(incident.model_copy(update={"accepted": True, "told": incident.symptoms}))

    def _said(self, incident: Incident, endpoint: str) -> Acknowledgement | None:
        for one in self.acknowledgements:
            ends = one.kind in (AcknowledgementKind.ACCEPT, AcknowledgementKind.FALSE_ALARM)
            if ends and one.withdrawn_at is None and one.run_id in incident.runs and _covers(one, endpoint):
                return one
        return None

    def _muted(self, endpoint: str) -> bool:
        return any(
            one.kind is AcknowledgementKind.MUTE and one.active(self.now) and one.metric is None and _covers(one, endpoint)
            for one in self.acknowledgements
            if one.profile in (None, self.verdict.profile)
        )

    # --- what the run shows

    def follow_invalid(self) -> None:
        """Measurements that cannot be trusted are an incident of their own, per line and profile."""
        symptoms = invalid_symptoms(self.verdict)
        known = self._known_invalid()
        if known is None:
            self._open(IncidentKind.INVALID, (f"(invalid measurement, {self.verdict.profile})",), symptoms)
        else:
            self._sighted(known, symptoms, changed=is_news(known.told, symptoms))

    def follow_measured(self) -> None:
        """Every endpoint that is ill goes to its incident or a new one; every incident that is well again is closed."""
        if known := self._known_invalid():
            self._close(known, f"measurements with profile {self.verdict.profile} are valid again")
        ill = tuple(one for one in symptoms_of(self.verdict) if not self._muted(one.endpoint))
        owned: set[str] = set()
        for incident in self._regressions():
            owned.update(incident.endpoints)
            self._update(incident, tuple(one for one in ill if one.endpoint in incident.endpoints))
        new = tuple(one for one in ill if one.endpoint not in owned)
        if any(one.level is Outcome.FAIL or self.config.warn_alerts for one in new):
            told = new if self.config.warn_alerts else tuple(one for one in new if one.level is Outcome.FAIL)
            self._open(IncidentKind.REGRESSION, tuple(sorted({one.endpoint for one in told})), told)

    def _regressions(self) -> list[Incident]:
        return [one for one in self.open if one.line == self.line and one.kind is IncidentKind.REGRESSION]

    def _known_invalid(self) -> Incident | None:
        return next(
            (
                one
                for one in self.open
                if one.kind is IncidentKind.INVALID and one.line == self.line and one.profile == self.verdict.profile
            ),
            None,
        )

    def _update(self, incident: Incident, seen: tuple[Symptom, ...]) -> None:
        seen_keys = {(one.endpoint, one.criterion) for one in seen}
        kept, cured = [], []
        for symptom in incident.symptoms:
            if symptom.profile == self.verdict.profile and (symptom.endpoint, symptom.criterion) in seen_keys:
                continue  # replaced by what was seen now
            if symptom.profile == self.verdict.profile and is_well(self.verdict, symptom.endpoint, symptom.criterion):
                cured.append(symptom.endpoint)
            else:
                kept.append(symptom)
        remaining = (*seen, *kept)
        if incident.accepted:
            self._update_accepted(incident, remaining, seen=bool(seen))
        elif not remaining:
            self._close(incident, f"{_names(incident.endpoints)} well again")
        elif seen:
            self._sighted(incident, remaining, changed=is_news(incident.told, remaining))
        elif cured:
            partly = incident.model_copy(update={"symptoms": remaining, "told": remaining})
            self._replace(partly)
            self._tell(
                partly, ActionKind.FOLLOW_UP, f"{_names(cured)} well again, {_names(_endpoints(remaining))} not yet", changed=True
            )

    def _update_accepted(self, incident: Incident, remaining: tuple[Symptom, ...], *, seen: bool) -> None:
        """Nobody is told that an accepted level goes on or ends; a worse one is a new matter."""
        if not remaining or (seen and is_worse(incident.told, remaining)):
            self.open.remove(incident)
        if remaining and incident not in self.open:
            self._open(IncidentKind.REGRESSION, incident.endpoints, remaining)

    # --- what follows from it

    def _open(self, kind: IncidentKind, endpoints: tuple[str, ...], symptoms: tuple[Symptom, ...]) -> None:
        when = self.verdict.ended_at or self.verdict.created_at
        incident = Incident(
            id=incident_id(self.verdict, self.line, endpoints),
            kind=kind,
            line=self.line,
            profile=self.verdict.profile,
            endpoints=endpoints,
            symptoms=symptoms,
            told=symptoms,
            runs=(self.verdict.run_id,),
            first_run=self.verdict.run_id,
            first_commit=self.verdict.commit,
            opened_at=when,
            last_run=self.verdict.run_id,
            last_commit=self.verdict.commit,
            last_at=when,
        )
        self.open.append(incident)
        self._tell(incident, ActionKind.ALERT, self.verdict.sentence)

    def _sighted(self, incident: Incident, symptoms: tuple[Symptom, ...], *, changed: bool) -> None:
        sightings = incident.sightings + 1
        again = incident.model_copy(
            update={
                "symptoms": symptoms,
                "told": symptoms if changed else incident.told,
                "sightings": sightings,
                "runs": (incident.first_run, *(*incident.runs[1:], self.verdict.run_id)[-KEEP_RUNS_OF_INCIDENT:]),
                "last_run": self.verdict.run_id,
                "last_commit": self.verdict.commit,
                "last_at": self.verdict.ended_at or self.verdict.created_at,
            }
        )
        self._replace(again)
        if changed:
            worse = incident.level is Outcome.WARN and again.level is Outcome.FAIL
            note = f"{'worse' if worse else 'changed'} in run {sightings}: {self.verdict.sentence}"
            self._tell(again, ActionKind.FOLLOW_UP, note, changed=True, escalated=worse)
        else:
            kind = ActionKind.FOLLOW_UP if sightings in NEWS_SIGHTINGS else ActionKind.REFRESH
            self._tell(again, kind, f"still so, seen in {sightings} runs")

    def _close(self, incident: Incident, note: str) -> None:
        self.open.remove(incident)
        self.closed.append(incident.model_copy(update={"closed_at": self.verdict.ended_at or self.verdict.created_at}))
        self._tell(incident, ActionKind.RECOVERED, note)

    def _replace(self, incident: Incident) -> None:
        self.open = [incident if one.id == incident.id else one for one in self.open]

    def _tell(self, incident: Incident, kind: ActionKind, note: str, *, changed: bool = False, escalated: bool = False) -> None:
        if self.slack:
            self.actions.append(
                Action(channel="slack", kind=kind, incident=incident, note=note, changed=changed, escalated=escalated)
            )
        if incident.kind is not IncidentKind.REGRESSION or not self.issues:
            return
        if kind is ActionKind.RECOVERED:
            self.actions.append(Action(channel="github", kind=ActionKind.ISSUE_CLOSE, incident=incident, note=note))
        elif incident.level is Outcome.FAIL or incident.issue is not None:
            quiet = kind is ActionKind.REFRESH
            self.actions.append(
                Action(channel="github", kind=ActionKind.ISSUE, incident=incident, note=note, changed=changed, quiet=quiet)
            )


def _about_the_commit(verdict: Verdict, config: NotificationConfig) -> tuple[Action, ...]:
    if (verdict.repository or config.repository) is None:
        return ()
    actions = []
    if verdict.commit and config.commit_statuses:
        actions.append(Action(channel="github", kind=ActionKind.STATUS))
    if verdict.pull_request is not None and config.pull_request_comments:
        actions.append(Action(channel="github", kind=ActionKind.COMMENT))
    return tuple(actions)


def _covers(item: Acknowledgement, endpoint: str) -> bool:
    return item.endpoint is None or item.endpoint == endpoint_key(endpoint)


def _endpoints(symptoms: Sequence[Symptom]) -> list[str]:
    return list(dict.fromkeys(one.endpoint for one in symptoms))


def _names(endpoints: Sequence[str]) -> str:
    names = list(dict.fromkeys(endpoints))
    return f"{listing(names)} {'is' if len(names) == 1 else 'are'}"
