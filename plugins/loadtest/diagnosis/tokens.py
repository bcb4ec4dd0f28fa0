"""Slack's and GitHub's tokens, by a call that changes nothing. Tokens are those of variables: Airflow shows nobody the password
of a connection, so what only its database holds is checked where it is used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from loadtest.diagnosis.checks import Check, note, ok, wrong

TIMEOUT_S = 10
SLACK_API = "https://slack.com/api/"
GITHUB_API = "https://api.github.com"


def slack(environment: Mapping[str, str] = os.environ) -> Iterator[Check]:
    connection = _connection(environment, "AIRFLOW_CONN_LOADTEST_SLACK")
    token = str(connection.get("password") or "")
    if connection.get("conn_type") != "slack" or not token:
        yield note(
            "Slack token", "no bot token in AIRFLOW_CONN_LOADTEST_SLACK", "nothing to try from here; see docs/notifications.md"
        )
        return
    extra = connection.get("extra")
    base = extra.get("base_url") if isinstance(extra, dict) else None
    answer = _asked(f"{(base or SLACK_API).rstrip('/')}/auth.test", token, method="POST")
    if isinstance(answer, str):
        yield wrong("Slack token", answer, "allow this machine to reach Slack, or correct base_url")
    elif answer.get("ok") is True:
        yield ok("Slack token", f"accepted; speaks as {answer.get('user', 'a bot')} in {answer.get('team', 'its workspace')}")
    else:
        yield wrong("Slack token", f"refused: {answer.get('error', 'no reason given')}", "make a new bot token and put it in")


def github(environment: Mapping[str, str] = os.environ) -> Iterator[Check]:
    connection = _connection(environment, "AIRFLOW_CONN_LOADTEST_GITHUB")
    token = environment.get("LOADTEST_GITHUB_TOKEN") or str(connection.get("password") or "")
    if not token:
        yield note("GitHub token", "none in LOADTEST_GITHUB_TOKEN or AIRFLOW_CONN_LOADTEST_GITHUB", "nothing to try from here")
        return
    base = environment.get("LOADTEST_GITHUB_API_URL") or connection.get("host") or GITHUB_API
    answer = _asked(f"{str(base).rstrip('/')}/rate_limit", token, method="GET")
    if isinstance(answer, str):
        yield wrong("GitHub token", answer, "make a new token with the rights of docs/notifications.md, or correct the host")
    else:
        left = ((answer.get("resources") or {}).get("core") or {}).get("remaining")
        yield ok("GitHub token", "accepted" + (f"; {left} calls left this hour" if left is not None else ""))


def _connection(environment: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        found = json.loads(environment.get(name) or "{}")
        if isinstance(found, dict) and isinstance(found.get("extra"), str):
            found["extra"] = json.loads(found["extra"] or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _asked(url: str, token: str, *, method: str) -> dict[str, Any] | str:
    """The answer, or what is wrong in words that hold no secret."""
    try:
        response = httpx.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S)
        answer = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return f"no usable answer ({type(error).__name__})"
    if response.status_code in (401, 403):
        return f"refused with HTTP {response.status_code}"
    if not response.is_success or not isinstance(answer, dict):
        return f"answered HTTP {response.status_code}"
    return answer
