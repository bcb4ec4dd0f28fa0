"""Tells people about one run: decides once, sends what is not sent yet, remembers both. A retry posts nothing twice.

Order on disk: the planned actions (`deliveries.json`), then the alert state, then each message with its result. Whatever
dies in between, the next call continues from there. Nothing here touches a measurement.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from loadtest.errors import ConfigurationError
from loadtest.gate.records.verdicts import Verdict
from loadtest.history.models import Acknowledgement
from loadtest.notifications.alert_store import AlertStore
from loadtest.notifications.github.delivery import GitHubActions
from loadtest.notifications.github.texts import Telling
from loadtest.notifications.policy.decisions import decide
from loadtest.notifications.policy.models import (
    ActionKind,
    AlertState,
    Delivery,
    DeliveryReport,
    DeliveryStatus,
    Links,
    NotificationConfig,
)
from loadtest.notifications.policy.retrying import DeliveryError
from loadtest.notifications.slack import messages
from loadtest.notifications.slack.delivery import Posting, SlackSender
from loadtest.planning.models import Plan
from loadtest.planning.quantities import slug_pattern
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import RunStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Channels:
    """Who can be told. None: not connected, which is said in the log and is no error."""

    slack: SlackSender | None = None
    github: GitHubActions | None = None


def deliver(
    folder: RunFolder,
    channels: Channels,
    config: NotificationConfig | None = None,
    *,
    links: Links | None = None,
    acknowledgements: Sequence[Acknowledgement] = (),
    now: datetime | None = None,
) -> DeliveryReport:
    """Tell people about the run in `folder`; returns (and keeps in `deliveries.json`) what became of each message.

    Call again to send what is `undelivered`. Raises only if there is no readable verdict.
    """
    verdict = asked_about(folder, Verdict.read(folder.verdict))
    config = config or NotificationConfig()
    now = now or datetime.now(UTC)
    links = links or Links(airflow=verdict.airflow_url)
    telling = Telling(verdict, links, config, _summary(folder), _slowdown(folder))
    store = AlertStore(folder.runs_root, *_place(verdict))
    with store.lock():
        state = store.read()
        decision = decide(state, verdict, config, acknowledgements, now)
        report = _known(folder)
        if report is None:
            report = _keep(
                folder, DeliveryReport(run_id=verdict.run_id, deliveries=tuple(Delivery(action=a) for a in decision.actions))
            )
        if decision.state != state:
            state = decision.state
            store.write(state)
        down: dict[str, str] = {}
        for position, delivery in enumerate(report.deliveries):
            if delivery.status not in (DeliveryStatus.PENDING, DeliveryStatus.FAILED):
                continue
            channel = delivery.action.channel
            if channel in down:  # waiting out the same trouble for each message would take many minutes
                failed = {"status": DeliveryStatus.FAILED, "detail": f"not tried: {down[channel]}", "at": now}
                done = delivery.model_copy(update=failed)
            else:
                done, state = _attempt(delivery, state, telling, channels, now)
                if done.status is DeliveryStatus.FAILED:
                    down[channel] = done.detail
            store.write(state)
            report = report.model_copy(
                update={"deliveries": (*report.deliveries[:position], done, *report.deliveries[position + 1 :])}
            )
            _keep(folder, report)
    return report


def _attempt(
    delivery: Delivery,
    state: AlertState,
    telling: Telling,
    channels: Channels,
    now: datetime,
) -> tuple[Delivery, AlertState]:
    action, verdict = delivery.action, telling.verdict
    tried = {"tries": delivery.tries + 1, "at": now, "first_tried_at": delivery.first_tried_at or now, "maybe_sent": False}
    try:
        status, detail, state = _perform(delivery, state, telling, channels)
    except DeliveryError as error:
        log.warning("%s %s of run %s was not delivered: %s", action.channel, action.kind, verdict.run_id, error)
        status = DeliveryStatus.FAILED if error.again else DeliveryStatus.REFUSED
        return delivery.model_copy(update=tried | {"status": status, "detail": str(error), "maybe_sent": error.maybe_sent}), state
    log.info("%s %s of run %s: %s", action.channel, action.kind, verdict.run_id, detail)
    return delivery.model_copy(update=tried | {"status": status, "detail": detail}), state


def _perform(
    delivery: Delivery, state: AlertState, telling: Telling, channels: Channels
) -> tuple[DeliveryStatus, str, AlertState]:
    if delivery.action.channel == "slack" and channels.slack is not None:
        return _to_slack(delivery, state, telling, channels.slack)
    if delivery.action.channel == "github" and channels.github is not None:
        return channels.github.perform(delivery.action, state, telling)
    log.info("No %s connection: not told about %s (%s)", delivery.action.channel, telling.verdict.run_id, delivery.action.kind)
    return DeliveryStatus.SKIPPED, "no connection", state


def _to_slack(
    delivery: Delivery, state: AlertState, telling: Telling, slack: SlackSender
) -> tuple[DeliveryStatus, str, AlertState]:
    """A follow-up whose alert never got out becomes the alert; the end of what nobody was told is not told."""
    action, verdict, links = delivery.action, telling.verdict, telling.links
    incident = action.incident
    if incident is None:
        raise ConfigurationError(f"deliveries.json: the action {action.id} has no incident.")
    current = state.incident(incident.id)
    told = current is not None and current.slack_told
    root = current.slack if current else None
    key = f"{verdict.run_id}/{action.id}"
    since = delivery.first_tried_at if delivery.maybe_sent else None

    if action.kind is ActionKind.RECOVERED:
        if not told:
            return DeliveryStatus.SKIPPED, "its alert was never delivered", state
        if slack.threads and root:
            slack.update(root, messages.closed_alert(verdict, incident, links, action.note))
        slack.post(Posting(messages.recovered(verdict, incident, links, action.note), key, thread=root, sent_since=since))
        return DeliveryStatus.DELIVERED, "recovery told", state

    if action.kind is ActionKind.ALERT and told:
        return DeliveryStatus.SKIPPED, "a later run has told it", state
    if action.kind is ActionKind.ALERT or not told:
        if current is None or current not in state.open:
            return DeliveryStatus.SKIPPED, "it was over before it could be told", state
        reference = slack.post(Posting(messages.alert(verdict, incident, links, telling.slowdown), key, sent_since=since))
        state = state.replaced(current.model_copy(update={"slack": reference, "slack_told": True}))
        return DeliveryStatus.DELIVERED, "alert posted", state

    if slack.threads and root:
        slack.update(root, messages.alert(verdict, incident, links, telling.slowdown))
    if action.kind is ActionKind.REFRESH or not (slack.threads or action.changed):
        return DeliveryStatus.DELIVERED, "alert updated" if slack.threads else "nothing new to tell", state
    message = messages.follow_up(verdict, incident, links, action.note)
    slack.post(Posting(message, key, thread=root, broadcast=action.escalated, sent_since=since))
    return DeliveryStatus.DELIVERED, "follow-up posted", state


def asked_about(folder: RunFolder, verdict: Verdict) -> Verdict:
    """The verdict; that of a refused request, which has no plan, with the commit that request.json asked about."""
    if verdict.status is not RunStatus.NOT_RUN or verdict.commit is not None or not folder.request.exists():
        return verdict
    try:
        request = json.loads(folder.request.read_text(encoding="utf-8"))
        found = {name: str(request.get(name)) for name in ("commit", "branch", "repository", "pull_request")}
    except (OSError, ValueError, AttributeError):
        return verdict
    known: dict[str, object] = {name: value for name, value in found.items() if value not in ("None", "")}
    number = str(known.pop("pull_request", ""))
    if number.isdecimal() and len(number) < 10:
        known["pull_request"] = int(number)
    return verdict.model_copy(update=known)


def _place(verdict: Verdict) -> tuple[str, str]:
    """Scenario and environment, as parts of a path; a refused request may have named anything."""
    names = (verdict.scenario, verdict.environment)
    return names if all(re.fullmatch(slug_pattern, name) for name in names) else ("_refused", "_refused")


def _known(folder: RunFolder) -> DeliveryReport | None:
    """What was planned before. A damaged file counts as none: what the alert state has accounted for is not planned again."""
    if not folder.deliveries.exists():
        return None
    try:
        return DeliveryReport.read(folder.deliveries)
    except ConfigurationError as error:
        log.warning("%s", error)
        return None


def _summary(folder: RunFolder) -> str | None:
    try:
        return folder.summary.read_text(encoding="utf-8") or None
    except (OSError, UnicodeDecodeError):
        return None


def _slowdown(folder: RunFolder) -> str | None:
    try:
        return Plan.read(folder.plan).slowdown
    except ConfigurationError:
        return None


def _keep(folder: RunFolder, report: DeliveryReport) -> DeliveryReport:
    report.write(folder.deliveries)
    return report
