"""Issues, the sticky comment of a pull request and commit statuses on GitHub, by PyGithub.

Every operation finds what is there before it creates, by number or hidden marker, and so can be repeated after a lost
answer. PyGithub's own retries sleep until a rate limit resets, up to an hour; ours are bounded (`connect` turns them off).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import requests
from github import Auth, Github, GithubException
from github.Issue import Issue
from github.Repository import Repository

from loadtest.notifications.github import texts
from loadtest.notifications.github.texts import INCIDENT_LABEL, Telling
from loadtest.notifications.policy.models import Action, ActionKind, AlertState, DeliveryStatus, Incident
from loadtest.notifications.policy.retrying import DeliveryError, RetryPolicy, repeat, retry_after_s
from loadtest.reporting.escape import plain, web_url

T = TypeVar("T")
Done = tuple[DeliveryStatus, str, AlertState]

TIMEOUT_S = 20
MOST_SEARCHED = 300
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/(?!\.{1,2}$)[A-Za-z0-9_.-]+")
_SHA = re.compile(r"[0-9a-f]{40}")


def connect(auth: Auth.Auth, base_url: str | None = None, *, pause_s: float = 0.25) -> Github:
    """A client that neither retries nor sleeps by itself; `pause_s` between requests, as GitHub asks of clients."""
    options: dict[str, Any] = {"base_url": base_url} if base_url else {}
    return Github(
        auth=auth,
        timeout=TIMEOUT_S,
        retry=None,
        seconds_between_requests=pause_s,
        seconds_between_writes=4 * pause_s,
        lazy=True,  # objects are fetched when a value of them is needed: fewer requests
        **options,
    )


class GitHubActions(Protocol):
    """Whoever performs the policy's GitHub actions."""

    def perform(self, action: Action, state: AlertState, telling: Telling) -> Done:
        """Do one action; returns status, where it went, and the state with issue or comment number. Raises DeliveryError."""
        ...


class GitHubSender:
    """Performs them with one client of PyGithub."""

    def __init__(self, client: Github, policy: RetryPolicy = RetryPolicy()) -> None:
        self._client, self._policy = client, policy

    def perform(self, action: Action, state: AlertState, telling: Telling) -> Done:
        verdict, config = telling.verdict, telling.config
        name = (action.incident.issue_repository if action.incident else None) or verdict.repository or config.repository
        if not name or not REPOSITORY.fullmatch(name):
            return DeliveryStatus.REFUSED, f"{plain(name, 100)!r} is not a repository; it is written owner/name", state
        perform = {
            ActionKind.STATUS: self._status,
            ActionKind.COMMENT: self._comment,
            ActionKind.ISSUE: self._issue,
            ActionKind.ISSUE_CLOSE: self._close_issue,
        }[action.kind]
        return self.repeated(lambda: perform(self._client.get_repo(name), name, action, state, telling))

    def repeated(self, call: Callable[[], T]) -> T:
        """Call until GitHub has done it; what it refuses or fails to do is a DeliveryError."""

        def once() -> T:
            try:
                return call()
            except DeliveryError:
                raise
            except Exception as error:
                raise _translated(error) from None

        return repeat(once, self._policy)

    def _status(self, repository: Repository, name: str, action: Action, state: AlertState, telling: Telling) -> Done:
        verdict = telling.verdict
        if verdict.commit is None or not _SHA.fullmatch(verdict.commit):
            return DeliveryStatus.SKIPPED, f"{plain(verdict.commit, 60)} is not a full commit hash", state
        target = web_url(telling.links.report) or web_url(telling.links.airflow)
        options = {"target_url": target} if target else {}
        status = repository.get_commit(verdict.commit).create_status(
            texts.status_state(verdict),
            description=texts.status_description(verdict),
            context=texts.status_context(verdict),
            **options,
        )
        _expect(status.state == texts.status_state(verdict))
        return DeliveryStatus.DELIVERED, f"status {status.state} on {name}@{verdict.commit[:10]}", state

    def _comment(self, repository: Repository, name: str, action: Action, state: AlertState, telling: Telling) -> Done:
        verdict = telling.verdict
        if verdict.pull_request is None:
            return DeliveryStatus.SKIPPED, "the run has no pull request", state
        body, marker = texts.sticky_comment(telling), texts.sticky_marker(verdict)
        pull = repository.get_issue(verdict.pull_request)
        key = f"{name}#{verdict.pull_request}/{verdict.profile}"
        comment = None
        if known := state.comments.get(key):
            comment = _none_if_missing(lambda: pull.get_comment(known), "body")
        if comment is None:
            comment = next((one for one in _first(pull.get_comments()) if (one.body or "").startswith(marker)), None)
        if comment is not None:
            try:
                comment.edit(body)
            except GithubException as error:
                if error.status not in (403, 404):
                    raise
                comment = None  # somebody else's, or removed
        if comment is None:
            comment = pull.create_comment(body)
        _expect(isinstance(comment.id, int))
        state = state.model_copy(update={"comments": state.comments | {key: comment.id}})
        return DeliveryStatus.DELIVERED, f"comment on {name}#{verdict.pull_request}", state

    def _issue(self, repository: Repository, name: str, action: Action, state: AlertState, telling: Telling) -> Done:
        incident = _of(action, state)
        issue = self._find_issue(repository, incident)
        body = texts.issue_body(telling, incident)
        if issue is None:
            issue = self._create_issue(repository, incident, telling, body)
            detail = f"opened {name}#{issue.number}"
        elif incident.issue is None and issue.state == "closed":
            issue.edit(body=body, state="open")
            self._comment_once(
                issue, texts.issue_comment(telling, incident, f"back again: {telling.verdict.sentence}"), telling, incident
            )
            detail = f"reopened {name}#{issue.number}"
        else:
            issue.edit(body=body)
            if not action.quiet and incident.issue is not None:
                self._comment_once(issue, texts.issue_comment(telling, incident, action.note), telling, incident)
            detail = f"updated {name}#{issue.number}"
        _expect(isinstance(issue.number, int))
        current = state.incident(incident.id)
        if current is not None:
            state = state.replaced(current.model_copy(update={"issue": issue.number, "issue_repository": name}))
        return DeliveryStatus.DELIVERED, detail, state

    def _close_issue(self, repository: Repository, name: str, action: Action, state: AlertState, telling: Telling) -> Done:
        incident = _of(action, state)
        issue = self._find_issue(repository, incident)
        if issue is None:
            return DeliveryStatus.SKIPPED, "there is no issue to close", state
        if issue.state == "closed":
            return DeliveryStatus.SKIPPED, f"{name}#{issue.number} is closed already", state
        self._comment_once(issue, texts.closing_comment(telling, incident, action.note), telling, incident)
        issue.edit(state="closed", state_reason="completed")
        return DeliveryStatus.DELIVERED, f"closed {name}#{issue.number}", state

    def _find_issue(self, repository: Repository, incident: Incident) -> Issue | None:
        if incident.issue is not None:
            number = incident.issue
            return _none_if_missing(lambda: repository.get_issue(number), "state")
        marker = texts.incident_marker(incident)
        listed = repository.get_issues(state="all", labels=[INCIDENT_LABEL], sort="updated", direction="desc")
        return next((one for one in _first(listed) if marker in (one.body or "") and one.pull_request is None), None)

    def _create_issue(self, repository: Repository, incident: Incident, telling: Telling, body: str) -> Issue:
        title = texts.issue_title(telling.verdict, incident)
        labels = list(dict.fromkeys([INCIDENT_LABEL, *telling.config.labels]))
        people = [name.lstrip("@") for name in telling.config.assignees if "/" not in name]
        try:
            return repository.create_issue(title=title, body=body, labels=labels, assignees=people)
        except GithubException as error:
            if error.status != 422 or not people:
                raise
            # somebody who cannot be assigned must not keep the issue from being opened
            return repository.create_issue(title=title, body=body, labels=labels)

    def _comment_once(self, issue: Issue, body: str, telling: Telling, incident: Incident) -> None:
        marker = texts.run_marker(telling.verdict.run_id, incident)
        since = min(telling.verdict.created_at, datetime.now(UTC)) - timedelta(days=1)
        if not any((one.body or "").startswith(marker) for one in _first(issue.get_comments(since=since))):
            issue.create_comment(body)


def _of(action: Action, state: AlertState) -> Incident:
    """The action's incident as this run saw it, with the issue number that is known by now."""
    if action.incident is None:
        raise DeliveryError(f"The action {action.id} has no incident.", again=False)
    current = state.incident(action.incident.id)
    number = current.issue if current else None
    return action.incident if number is None else action.incident.model_copy(update={"issue": number})


def _first(items) -> list:
    found = []
    for item in items:
        found.append(item)
        if len(found) >= MOST_SEARCHED:
            break
    return found


def _none_if_missing(call: Callable[[], T], attribute: str) -> T | None:
    """The object, fetched (by touching `attribute`); None if GitHub has it no more."""
    try:
        found = call()
        getattr(found, attribute)
        return found
    except GithubException as error:
        if error.status in (404, 410):
            return None
        raise


def _expect(sensible: bool) -> None:
    if not sensible:
        raise DeliveryError("GitHub's answer makes no sense.", again=True)


def _translated(error: Exception) -> DeliveryError:
    """What went wrong, without headers (they may hold a token) and in bounded, printable words."""
    if isinstance(error, GithubException):
        return _refusal(error)
    if isinstance(error, requests.RequestException):
        return DeliveryError(f"GitHub does not answer ({type(error).__name__}).", again=True)
    if isinstance(error, (ValueError, TypeError, AttributeError, LookupError, AssertionError)):
        return DeliveryError(f"GitHub's answer makes no sense ({type(error).__name__}).", again=True)
    raise error


def _refusal(error: GithubException) -> DeliveryError:
    status = error.status
    data = error.data if isinstance(error.data, dict) else {}
    words = plain(data.get("message") or "no explanation", 200)
    headers = {str(name).lower(): str(value) for name, value in (error.headers or {}).items()}
    limited = status == 429 or (status == 403 and ("rate limit" in words.lower() or "retry-after" in headers))
    if limited:
        wait = retry_after_s(headers.get("retry-after"))
        if wait is None and headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdecimal():
            wait = max(0.0, float(headers["x-ratelimit-reset"]) - datetime.now(UTC).timestamp()) + 1
        asks = f"; it asks to come back in {wait:.0f} s" if wait is not None else ""
        return DeliveryError(f"GitHub limits the rate (HTTP {status}){asks}.", again=True, retry_after_s=wait)
    if status >= 500 or status in (408, 409):
        return DeliveryError(f"GitHub answered HTTP {status}.", again=True)
    if status == 401:
        return DeliveryError("GitHub does not accept the token of the connection.", again=False)
    if status == 404:
        return DeliveryError("GitHub does not find it: check the repository, and that the token may see it.", again=False)
    if status == 403:
        return DeliveryError(f"The token may not do that on GitHub ({words}).", again=False)
    if status < 400:
        return DeliveryError("GitHub's answer makes no sense.", again=True)
    return DeliveryError(f"GitHub refused it (HTTP {status}: {words}).", again=False)
