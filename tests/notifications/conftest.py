from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from github import Auth, Github
from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from loadtest.notifications.github.delivery import GitHubSender, connect
from loadtest.notifications.policy.retrying import RetryPolicy
from loadtest.notifications.slack.delivery import SlackBot, SlackWebhook
from loadtest.settings import PROJECT_ROOT
from tests.notifications.github.github_stub import GitHubStub
from tests.notifications.http_server import serve
from tests.notifications.slack.slack_stub import SlackStub

# before anything imports Airflow: it would write its configuration into the user's home
os.environ.setdefault("AIRFLOW_HOME", str(PROJECT_ROOT / ".airflow"))

QUICK = RetryPolicy(tries=3, first_wait_s=0.01, longest_wait_s=2)


@pytest.fixture
def slack() -> Iterator[SlackStub]:
    with serve(SlackStub()) as stub:
        yield stub
        assert stub.problems == []


@pytest.fixture
def bot(slack: SlackStub) -> SlackBot:
    return SlackBot(WebClient(token="xoxb-test", base_url=f"{slack.url}/api/", timeout=1, retry_handlers=[]), "#perf", QUICK)


@pytest.fixture
def webhook(slack: SlackStub) -> SlackWebhook:
    return SlackWebhook(WebhookClient(f"{slack.url}/services/T0/B0/secret", timeout=1, retry_handlers=[]), QUICK)


@pytest.fixture
def runs_root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def github() -> Iterator[GitHubStub]:
    with serve(GitHubStub()) as stub:
        yield stub
        assert stub.problems == []


@pytest.fixture
def github_client(github: GitHubStub) -> Github:
    return connect(Auth.Token("ghp_test"), github.url, pause_s=0)


@pytest.fixture
def sender(github_client: Github) -> GitHubSender:
    return GitHubSender(github_client, QUICK)
