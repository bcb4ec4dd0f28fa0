"""When the pipeline itself breaks: a task failed for good, a scheduled run never started or did not end. Told once each.

State: `<runs root>/_alerts/_pipeline.json`. A problem has a key; the same key is told once, and its end once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.files import FileModel, Record
from loadtest.history.watch import ScheduledRun, judge_due_run
from loadtest.notifications.alert_store import FOLDER, one_writer, put_aside
from loadtest.notifications.policy.models import SlackReference
from loadtest.notifications.policy.retrying import DeliveryError
from loadtest.notifications.slack import messages
from loadtest.notifications.slack.delivery import Posting, SlackSender
from loadtest.notifications.slack.messages import Message

log = logging.getLogger(__name__)

KEEP_TOLD = 300


class Told(Record):
    """A message about the pipeline that went out. `over`: its end was told too. `unsure`: no answer came; it may have."""

    key: str
    at: datetime
    slack: SlackReference | None = None
    over: bool = False
    unsure: bool = False


class PipelineState(FileModel):
    """`_pipeline.json`. `watching_since`: when the daily check first ran; runs due before are not missed."""

    told: tuple[Told, ...] = ()
    watching_since: datetime | None = None

    def find(self, key: str) -> Told | None:
        return next((one for one in self.told if one.key == key), None)


@dataclass(frozen=True)
class Problem:
    """Something that broke. `key` names it for ever: a task of a run, a week's run."""

    key: str
    title: str
    sentence: str
    url: str | None = None
    facts: tuple[tuple[str, str], ...] = ()


class PipelineAlerts:
    """Tells problems of the pipeline to Slack, once. Without a Slack connection they are logged, once too."""

    def __init__(self, runs_root: UPath | Path | str, slack: SlackSender | None) -> None:
        self._path = UPath(runs_root) / FOLDER / "_pipeline.json"
        self._slack = slack

    def read(self) -> PipelineState:
        try:
            return PipelineState.read(self._path)
        except ConfigurationError:
            put_aside(self._path)
            return PipelineState()

    def watching_since(self, now: datetime) -> datetime:
        """When these checks began; the first call begins them."""
        with one_writer(self._path):
            state = self.read()
            if state.watching_since is None:
                state = state.model_copy(update={"watching_since": now})
                state.write(self._path)
        return state.watching_since or now

    def report(self, problem: Problem) -> bool:
        """Tell a problem, unless it was told; returns whether a message went out. Raises DeliveryError."""
        log.error("%s: %s", problem.title, problem.sentence)
        blocks = [
            messages.header(f"! {problem.title}"),
            messages.paragraph(problem.sentence),
            *([messages.fields(problem.facts)] if problem.facts else []),
            *messages.buttons([("Open in Airflow", "airflow", problem.url)]),
        ]
        return self.once(problem.key, messages.message(f"{problem.title}: {problem.sentence}", blocks))

    def resolve(self, key: str, sentence: str) -> bool:
        """Tell that a problem is over, if it was told and its end was not; returns whether a message went out."""
        with one_writer(self._path):
            state = self.read()
            told = state.find(key)
            if told is None or told.over or told.unsure:
                return False
            if self._slack is not None:
                message = messages.message(sentence, [messages.paragraph(f"✓ {sentence}")])
                self._slack.post(Posting(message, f"{key}/over", thread=told.slack))
            self._keep(state, told.model_copy(update={"over": True}))
        return self._slack is not None

    def once(self, key: str, message: Message) -> bool:
        """Send a message under a key, once for ever; returns whether it went out now. Raises DeliveryError."""
        with one_writer(self._path):
            state = self.read()
            told = state.find(key)
            if told and not told.unsure:
                return False
            if self._slack is None:
                log.info("No Slack connection: %s is not told.", key)
                return False
            since = told.at if told else None
            try:
                reference = self._slack.post(Posting(message, key, sent_since=since))
            except DeliveryError as error:
                if error.maybe_sent:
                    self._keep(state, Told(key=key, at=since or datetime.now(UTC), unsure=True))
                raise
            self._keep(state, Told(key=key, at=datetime.now(UTC), slack=reference))
        return True

    def _keep(self, state: PipelineState, told: Told) -> None:
        others = tuple(one for one in state.told if one.key != told.key)
        state.model_copy(update={"told": (*others, told)[-KEEP_TOLD:]}).write(self._path)


def task_failed(*, dag_id: str, run_id: str, task_id: str, error: str, tries: int, url: str | None = None) -> Problem:
    """A task that will not be tried again. One message per DAG run: what fails after it is its consequence."""
    return Problem(
        key=f"task/{dag_id}/{run_id}",
        title=f"Load test pipeline: {task_id} failed",
        sentence=error or "It left no explanation; see its log.",
        url=url,
        facts=(("DAG", dag_id), ("Run", run_id), ("Task", task_id), ("Tries", str(tries))),
    )


def check_due_run(
    alerts: PipelineAlerts, runs: Sequence[ScheduledRun], due: datetime, *, dag_id: str, now: datetime | None = None
) -> str:
    """The daily check: tells a missing or late run of a schedule, and its end when it has come after all; returns a sentence.

    A run that failed is no problem here: its failed task has been told. Runs due before the checks began are not missed.
    """
    now = now or datetime.now(UTC)
    run = judge_due_run(due, runs, now=now, dag_id=dag_id)
    key = f"due/{dag_id}/{due:%Y-%m-%dT%H:%M}"
    if due < alerts.watching_since(now) or not (run.problem or run.ended):
        return f"There is nothing to say yet about {dag_id}."
    if run.problem:
        alerts.report(Problem(key, "A scheduled load test is overdue", run.problem))
        return run.problem
    alerts.resolve(key, f"The load test {dag_id} of {due:%Y-%m-%d %H:%M} UTC has ended after all.")
    return f"The last scheduled run of {dag_id} has ended."
