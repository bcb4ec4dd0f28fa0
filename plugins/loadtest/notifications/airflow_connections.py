"""Slack and GitHub as Airflow knows them: connections become channels, their extras the configuration.

`loadtest_slack`: type `slack` (bot token as password, `{"channel": "#performance"}` in the extra) or `slackwebhook`.
`loadtest_github`: type `github` (token as password, or a GitHub App in the extra; host only for GitHub Enterprise).
A connection that does not exist means nobody to tell there. One that cannot be used is told as a failed delivery.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from loadtest.errors import ConfigurationError
from loadtest.files import first_problem
from loadtest.notifications.delivery import Channels
from loadtest.notifications.github.delivery import GitHubActions, GitHubSender, connect
from loadtest.notifications.github.texts import Telling
from loadtest.notifications.policy.models import Action, AlertState, DeliveryStatus, NotificationConfig, SlackReference
from loadtest.notifications.policy.retrying import DeliveryError
from loadtest.notifications.slack.delivery import TIMEOUT_S, Posting, SlackBot, SlackSender, SlackWebhook
from loadtest.notifications.slack.messages import Message
from loadtest.planning.schedules import Schedule

log = logging.getLogger(__name__)

SLACK, GITHUB = "loadtest_slack", "loadtest_github"
VARIABLES = {
    "channel": "LOADTEST_SLACK_CHANNEL",
    "warn_alerts": "LOADTEST_SLACK_WARN_ALERTS",
    "side_line_alerts": "LOADTEST_SLACK_SIDE_LINE_ALERTS",
    "main_branches": "LOADTEST_MAIN_BRANCHES",
    "repository": "LOADTEST_GITHUB_REPOSITORY",
    "issues": "LOADTEST_GITHUB_ISSUES",
    "commit_statuses": "LOADTEST_GITHUB_COMMIT_STATUSES",
    "pull_request_comments": "LOADTEST_GITHUB_PULL_REQUEST_COMMENTS",
    "labels": "LOADTEST_GITHUB_LABELS",
    "assignees": "LOADTEST_GITHUB_ASSIGNEES",
}
LISTS = ("main_branches", "labels", "assignees")


class Unusable:
    """Stands for a connection that is there but cannot be used: every delivery fails with the reason."""

    threads = False

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def post(self, posting: Posting) -> SlackReference | None:
        raise DeliveryError(self._reason, again=False)

    def update(self, reference: SlackReference, message: Message) -> None:
        raise DeliveryError(self._reason, again=False)

    def perform(self, action: Action, state: AlertState, telling: Telling) -> tuple[DeliveryStatus, str, AlertState]:
        raise DeliveryError(self._reason, again=False)


def connected(schedule: Schedule | None = None) -> tuple[Channels, NotificationConfig]:
    """Channels and configuration of this Airflow, as `schedule` wants them for its own runs. Inside a task, callback or anything
    that may read connections."""
    slack, github = _connection(SLACK), _connection(GITHUB)
    config = notification_config(_extra(slack), _extra(github), told_by(schedule) if schedule else {})
    if schedule and schedule.slack_channel and slack is not None and slack.conn_type == "slackwebhook":
        log.warning("A webhook has a channel of its own: slack_channel of the schedule %s is not used.", schedule.name)
    return Channels(slack=_slack(slack, config), github=_github(github)), config


def told_by(schedule: Schedule) -> dict[str, Any]:
    """What a schedule says about who is told; it goes before variables and connections."""
    github = schedule.github
    told = {"channel": schedule.slack_channel, "repository": github.repository, "assignees": list(github.assignees)}
    return {name: value for name, value in told.items() if value}


def notification_config(*extras: dict[str, Any]) -> NotificationConfig:
    """From environment variables, then the connections' extras, which win. Raises ConfigurationError for a bad value."""
    values: dict[str, Any] = {name: os.environ[variable] for name, variable in VARIABLES.items() if os.environ.get(variable)}
    for extra in extras:
        values |= {name: value for name, value in extra.items() if name in VARIABLES}
    for name in LISTS:
        if isinstance(values.get(name), str):
            values[name] = [part.strip() for part in values[name].split(",") if part.strip()]
    from pydantic import ValidationError

    try:
        return NotificationConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(
            f"The configuration of the notifications is not valid, {first_problem(error)}; "
            f"see the extras of {SLACK} and {GITHUB} and the LOADTEST_SLACK_* and LOADTEST_GITHUB_* variables."
        ) from None


def _connection(connection_id: str) -> Any | None:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(connection_id)
    except AirflowNotFoundException:
        log.info("No Airflow connection %s; nobody is told there.", connection_id)
        return None


def _extra(connection: Any | None) -> dict[str, Any]:
    """The extra as a dict; what is not JSON counts as empty."""
    if connection is None:
        return {}
    try:
        extra = connection.extra_dejson
    except ValueError:
        return {}
    return extra if isinstance(extra, dict) else {}


def _slack(connection: Any | None, config: NotificationConfig) -> SlackSender | None:
    if connection is None:
        return None
    if not (connection.password or "").strip():
        return Unusable(f"the connection {SLACK} has no password: the bot's token or the webhook's address goes there")
    if connection.conn_type == "slackwebhook":
        from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

        return SlackWebhook(SlackWebhookHook(slack_webhook_conn_id=SLACK, timeout=TIMEOUT_S, retry_handlers=[]).client)
    if connection.conn_type != "slack":
        return Unusable(f"the connection {SLACK} has the type {connection.conn_type!r}; it is slack or slackwebhook")
    if not config.channel:
        return Unusable(f'the connection {SLACK} names no channel; put {{"channel": "#performance"}} into its extra')
    from airflow.providers.slack.hooks.slack import SlackHook

    return SlackBot(SlackHook(slack_conn_id=SLACK, timeout=TIMEOUT_S, retry_handlers=[]).client, config.channel)


def _github(connection: Any | None) -> GitHubActions | None:
    if connection is None:
        return None
    if connection.conn_type != "github":
        return Unusable(f"the connection {GITHUB} has the type {connection.conn_type!r}; it is github")
    from airflow.providers.github.hooks.github import GithubHook

    try:
        requester = GithubHook(github_conn_id=GITHUB).get_conn().requester
    except Exception as error:  # the hook raises what a bad key file or App id makes it raise
        return Unusable(f"the connection {GITHUB} cannot be used ({type(error).__name__})")
    if requester.auth is None:
        return Unusable(f"the connection {GITHUB} has no token")
    return GitHubSender(connect(requester.auth, requester.base_url))
