"""Sends messages to Slack: as a bot (threads, edits) or through an incoming webhook (neither). slack-sdk does the talking.

slack-sdk's own retry handlers sleep as long as a server asks; ours are bounded (`loadtest.notifications.policy.retrying`), so the
clients are to be built without them (`retry_handlers=[]`).
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from loadtest.notifications.policy.models import SlackReference
from loadtest.notifications.policy.retrying import DeliveryError, RetryPolicy, repeat, retry_after_s
from loadtest.notifications.slack.messages import Message
from loadtest.reporting.escape import plain

TIMEOUT_S = 20
EVENT_TYPE = "loadtest_notification"
TRANSIENT_ERRORS = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
    }
)
GONE_ERRORS = frozenset({"message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed"})
HINTS = {
    "invalid_auth": "the token of the connection is not valid",
    "token_revoked": "the token was revoked",
    "account_inactive": "the token belongs to a deleted app or user",
    "channel_not_found": "the channel does not exist or the bot is not in it; invite the bot or set another channel",
    "not_in_channel": "the bot is not in the channel; invite it",
    "is_archived": "the channel is archived; set another one",
    "missing_scope": "the bot lacks the scope chat:write",
    "no_text": "the message was empty",
}


@dataclass(frozen=True)
class Posting:
    """A message to be sent. `key` names it for ever, so that after a try without an answer (`sent_since`: its time) it is looked
    for before it is sent again. `broadcast`: show an answer in a thread to the channel as well."""

    message: Message
    key: str
    thread: SlackReference | None = None
    broadcast: bool = False
    sent_since: datetime | None = None


class SlackSender(Protocol):
    """Where messages go. `threads`: whether messages can be answered in a thread and edited."""

    threads: bool

    def post(self, posting: Posting) -> SlackReference | None:
        """Send; returns where the message is, if the channel tells. Raises DeliveryError."""
        ...

    def update(self, reference: SlackReference, message: Message) -> None:
        """Edit a message; nothing happens if somebody has removed it. Raises DeliveryError."""
        ...


class SlackBot:
    """A bot token and a channel."""

    threads = True

    def __init__(self, client: WebClient, channel: str, policy: RetryPolicy = RetryPolicy()) -> None:
        self._client, self._channel, self._policy = client, channel, policy

    def post(self, posting: Posting) -> SlackReference | None:
        message, thread = posting.message, posting.thread
        channel = thread.channel if thread else self._channel
        if posting.sent_since is not None and (found := self._find(posting.key, channel, thread, posting.sent_since)):
            return found
        body: dict[str, Any] = {
            "channel": channel,
            "text": message.text,
            "blocks": message.blocks,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": posting.key}},
        }
        if thread:
            body |= {"thread_ts": thread.ts, "reply_broadcast": posting.broadcast}
        try:
            response = repeat(lambda: self._call("chat.postMessage", body), self._policy)
        except _GoneError:
            alone = {name: value for name, value in body.items() if name not in ("thread_ts", "reply_broadcast")}
            response = repeat(lambda: self._call("chat.postMessage", alone), self._policy)
        if not (ts := response.get("ts")):
            raise DeliveryError("Slack answered without saying where the message is.", again=True, maybe_sent=True)
        return SlackReference(channel=str(response.get("channel") or channel), ts=str(ts))

    def update(self, reference: SlackReference, message: Message) -> None:
        body = {"channel": reference.channel, "ts": reference.ts, "text": message.text, "blocks": message.blocks}
        try:
            repeat(lambda: self._call("chat.update", body), self._policy)
        except _GoneError:
            return

    def _find(self, key: str, channel: str, thread: SlackReference | None, since: datetime) -> SlackReference | None:
        """The message with this key, if the bot may read the channel (scope channels:history); else None."""
        query: dict[str, Any] = {
            "channel": channel,
            "oldest": f"{since.timestamp() - 60:.6f}",
            "include_all_metadata": True,
            "limit": 200,
        }
        if thread:
            query["ts"] = thread.ts
        try:
            response = self._call("conversations.replies" if thread else "conversations.history", query)
        except (DeliveryError, _GoneError):
            return None
        for entry in response.get("messages") or []:
            payload = ((entry.get("metadata") or {}).get("event_payload")) or {}
            if payload.get("key") == key:
                return SlackReference(channel=channel, ts=str(entry["ts"]))
        return None

    def _call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._client.api_call(method, json=body)
        except SlackApiError as error:
            raise _refusal(error) from None
        except Exception as error:
            raise _no_answer(error) from None
        data = response.data
        if not isinstance(data, dict) or data.get("ok") is not True:
            raise DeliveryError("Slack answered with something that is not Slack's.", again=True, maybe_sent=True)
        return data


class SlackWebhook:
    """An incoming webhook: its channel is fixed, each message stands alone."""

    threads = False

    def __init__(self, client: WebhookClient, policy: RetryPolicy = RetryPolicy()) -> None:
        self._client, self._policy = client, policy

    def post(self, posting: Posting) -> SlackReference | None:
        repeat(lambda: self._send(posting.message), self._policy)
        return None

    def update(self, reference: SlackReference, message: Message) -> None:
        return

    def _send(self, message: Message) -> None:
        try:
            response = self._client.send(text=message.text, blocks=message.blocks, unfurl_links=False, unfurl_media=False)
        except Exception as error:
            raise _no_answer(error) from None
        status, body = response.status_code, plain(response.body or "", 200)
        if status == 429:
            raise DeliveryError("Slack's webhook answered HTTP 429.", again=True, retry_after_s=_asked_wait(response.headers))
        if status >= 500:
            raise DeliveryError(f"Slack's webhook answered HTTP {status}.", again=True)
        if status != 200:
            raise DeliveryError(f"Slack's webhook refused the message (HTTP {status}: {body}).", again=False)
        if body != "ok":
            raise DeliveryError("Slack's webhook answered 200 with something else than ok.", again=True, maybe_sent=True)


class _GoneError(Exception):
    """The message or thread that was to be answered or edited is no longer there."""


def _refusal(error: SlackApiError) -> Exception:
    response = error.response
    status = getattr(response, "status_code", 0)
    code = response.get("error") if hasattr(response, "get") and isinstance(getattr(response, "data", None), dict) else None
    code = str(code or "unknown_error")
    if code in GONE_ERRORS:
        return _GoneError(code)
    if status == 429 or code in TRANSIENT_ERRORS or status >= 500:
        wait = _asked_wait(getattr(response, "headers", None))
        return DeliveryError(f"Slack answered HTTP {status} ({plain(code, 100)}).", again=True, retry_after_s=wait)
    if code.startswith("Received a response in a non-JSON format"):
        return DeliveryError("Slack answered with something that is not JSON.", again=True, maybe_sent=status == 200)
    detail = "; ".join(plain(line, 200) for line in (response.get("response_metadata") or {}).get("messages", [])[:3])
    hint = HINTS.get(code) or detail
    return DeliveryError(f"Slack refused the message: {plain(code, 100)}{f' ({hint})' if hint else ''}.", again=False)


def _no_answer(error: Exception) -> DeliveryError:
    """A connection that could not be made is safe to repeat; one that broke after sending may have delivered."""
    if isinstance(error, URLError):
        return DeliveryError(f"Slack cannot be reached ({plain(error.reason, 200)}).", again=True)
    if isinstance(error, ConnectionRefusedError):
        return DeliveryError("Slack cannot be reached (connection refused).", again=True)
    if isinstance(error, (TimeoutError, ConnectionError, http.client.HTTPException)):
        return DeliveryError(f"Slack did not answer ({type(error).__name__}).", again=True, maybe_sent=True)
    if isinstance(error, (SlackClientError, ValueError, AttributeError, TypeError, LookupError)):
        return DeliveryError(f"Slack's answer makes no sense ({type(error).__name__}).", again=True, maybe_sent=True)
    raise error


def _asked_wait(headers: Any) -> float | None:
    for name, value in dict(headers or {}).items():
        if str(name).lower() == "retry-after":
            return retry_after_s(str(value[0] if isinstance(value, list) else value))
    return None
