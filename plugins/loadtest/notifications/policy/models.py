"""What the notifications remember: open regressions, planned actions, and what was delivered to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from loadtest.files import FileModel, Record
from loadtest.vocabulary import Criterion, Outcome

WHOLE_RUN = "all requests together"
MAIN_LINE = "main"


@dataclass(frozen=True)
class Links:
    """Where buttons lead; each may be missing. `dashboard` is the scenario's page in the web app."""

    report: str | None = None
    airflow: str | None = None
    dashboard: str | None = None


class NotificationConfig(Record):
    """How this team wants to be told; see docs/notifications.md."""

    channel: str | None = Field(default=None, description="Slack channel id or name; a webhook has its own")
    warn_alerts: bool = True
    side_line_alerts: bool = Field(default=True, description="also alert in Slack for runs of branches and pull requests")
    main_branches: tuple[str, ...] = ("main", "master")
    repository: str | None = Field(default=None, description="owner/name, where the run itself names none")
    issues: bool = True
    commit_statuses: bool = True
    pull_request_comments: bool = True
    labels: tuple[str, ...] = ("performance",)
    assignees: tuple[str, ...] = ()


class Symptom(Record):
    """One endpoint that is worse than it should be, as last seen with one profile. `effect` is relative, None if unknown."""

    endpoint: str
    criterion: Criterion
    profile: str
    level: Outcome
    sentence: str
    effect: float | None = None


class SlackReference(Record):
    """A message that a bot can answer in a thread and edit."""

    channel: str
    ts: str


class IncidentKind(StrEnum):
    """What an incident is about."""

    REGRESSION = "regression"
    INVALID = "invalid"


class Incident(Record):
    """Something people should know until it is over: a regression of a set of endpoints, or measurements that are invalid.

    `id` is derived from scenario, environment, line and endpoint set; the set is fixed when the incident opens. `line` is
    `main`, or the branch or pull request that it was seen on. `symptoms`: what is wrong now. `told`: what people were last told.
    """

    id: str
    kind: IncidentKind
    line: str
    profile: str
    endpoints: tuple[str, ...]
    symptoms: tuple[Symptom, ...]
    told: tuple[Symptom, ...] = ()
    sightings: int = 1
    runs: tuple[str, ...]  # the first, and the last few that it was seen in
    accepted: bool = False  # a person accepted this level: silent until it gets worse
    first_run: str
    first_commit: str | None = None
    opened_at: datetime
    last_run: str
    last_commit: str | None = None
    last_at: datetime
    closed_at: datetime | None = None
    slack: SlackReference | None = None
    slack_told: bool = False
    issue: int | None = None
    issue_repository: str | None = None

    @property
    def level(self) -> Outcome:
        if self.kind is IncidentKind.INVALID:
            return Outcome.INVALID
        return Outcome.FAIL if any(symptom.level is Outcome.FAIL for symptom in self.symptoms) else Outcome.WARN


class AlertState(FileModel):
    """`_alerts/<scenario>/<environment>.json` on the runs root. Losing it costs at most one repeated alert: issues and
    comments carry hidden markers and are found again."""

    scenario: str
    environment: str
    open: tuple[Incident, ...] = ()
    closed: tuple[Incident, ...] = ()  # the last few, so that a late delivery still finds its thread
    runs: tuple[str, ...] = ()  # the last runs that are accounted for
    comments: dict[str, int] = {}  # sticky comment by "owner/name#number/profile"

    def incident(self, incident_id: str) -> Incident | None:
        """The incident, open ones first."""
        return next((incident for incident in (*self.open, *self.closed) if incident.id == incident_id), None)

    def replaced(self, incident: Incident) -> AlertState:
        """The state with `incident` in the place of the one it updates, open or else closed."""
        if any(one.id == incident.id for one in self.open):
            return self.model_copy(update={"open": tuple(incident if one.id == incident.id else one for one in self.open)})
        kept = tuple(incident if one.id == incident.id else one for one in self.closed)
        return self.model_copy(update={"closed": kept})


class ActionKind(StrEnum):
    """What is to be done. Slack: alert, follow_up, refresh (edit the alert), recovered. GitHub: issue_*, status, comment."""

    ALERT = "alert"
    FOLLOW_UP = "follow_up"
    REFRESH = "refresh"
    RECOVERED = "recovered"
    ISSUE = "issue"
    ISSUE_CLOSE = "issue_close"
    STATUS = "status"
    COMMENT = "comment"


class Action(Record):
    """One thing to deliver. `note` is the news in one sentence (not escaped); `incident` is as it stood after this run.

    `changed`: the matter itself, not only the number of runs it was seen in. `escalated`: a warning became a failure.
    `quiet`: bring up to date what is there already, post nothing new.
    """

    channel: Literal["slack", "github"]
    kind: ActionKind
    incident: Incident | None = None
    note: str = ""
    changed: bool = False
    escalated: bool = False
    quiet: bool = False

    @property
    def id(self) -> str:
        return f"{self.channel}:{self.kind}" + (f":{self.incident.id}" if self.incident else "")


class DeliveryStatus(StrEnum):
    """`pending`: not tried or not delivered yet; `failed`: tried, a retry may help; `refused`: a person must change something."""

    PENDING = "pending"
    DELIVERED = "delivered"
    SKIPPED = "skipped"
    FAILED = "failed"
    REFUSED = "refused"


class Delivery(Record):
    """One action and what became of it. `detail` says where it went, why it failed or why it was skipped."""

    action: Action
    status: DeliveryStatus = DeliveryStatus.PENDING
    tries: int = 0
    detail: str = ""
    maybe_sent: bool = False  # the last try ended without an answer: it may have arrived
    first_tried_at: datetime | None = None
    at: datetime | None = None


class DeliveryReport(FileModel):
    """`deliveries.json`: what was to be sent for this run and what became of it."""

    run_id: str
    deliveries: tuple[Delivery, ...] = ()

    @property
    def undelivered(self) -> tuple[Delivery, ...]:
        """What another try may still deliver."""
        return tuple(one for one in self.deliveries if one.status in (DeliveryStatus.PENDING, DeliveryStatus.FAILED))

    @property
    def problems(self) -> tuple[Delivery, ...]:
        return tuple(one for one in self.deliveries if one.status in (DeliveryStatus.FAILED, DeliveryStatus.REFUSED))

    @property
    def sentence(self) -> str:
        """What happened, for a log line or a page."""
        if not self.deliveries:
            return "nothing to tell anyone"
        delivered = sum(one.status is DeliveryStatus.DELIVERED for one in self.deliveries)
        parts = [f"{delivered} of {len(self.deliveries)} messages delivered"]
        parts += [f"{one.action.channel} {one.action.kind}: {one.detail}" for one in self.problems]
        return "; ".join(parts)
