"""Slack as far as we use it: keeps channels and threads, refuses what Slack's documented limits refuse."""

from __future__ import annotations

import itertools
import re
from typing import Any

from tests.notifications.http_server import Answer, Request, Server

# https://docs.slack.dev/reference/block-kit: what each block may hold
TEXT_LIMITS = {"header": 150, "section": 3_000, "button": 75}
FIELD_LIMIT, FIELDS_LIMIT, BLOCKS_LIMIT, RICH_TEXT_LIMIT, URL_LIMIT, TEXT_LIMIT = 2_000, 10, 50, 3_000, 3_000, 40_000
KNOWN_BLOCKS = {"header", "section", "rich_text", "actions", "context", "divider"}
PING = re.compile(r"<!(?:channel|here|everyone)|<@[UW]|<!subteam|@(?:channel|here|everyone)\b")


class SlackStub(Server):
    """`messages`: what stands in the channel, edits applied, threads by `thread_ts`."""

    def __init__(self, token: str = "xoxb-test", *, may_read: bool = True) -> None:
        super().__init__(self._handle)
        self._token, self._may_read = token, may_read
        self._clock = itertools.count(1)
        self.messages: list[dict[str, Any]] = []
        self.webhook_messages: list[dict[str, Any]] = []
        self.problems: list[str] = []

    @property
    def roots(self) -> list[dict[str, Any]]:
        return [one for one in self.messages if not one.get("thread_ts")]

    def replies(self, ts: str) -> list[dict[str, Any]]:
        return [one for one in self.messages if one.get("thread_ts") == ts]

    def _handle(self, request: Request) -> Answer:
        if request.path.startswith("/services/"):
            return self._webhook(request)
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            return Answer(body={"ok": False, "error": "invalid_auth"})
        method = request.path.removeprefix("/api/")
        return {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._history,
        }[method](request.body)

    def _webhook(self, request: Request) -> Answer:
        problems = self._check(request.body)
        if problems:
            return Answer(400, b"invalid_blocks", {"Content-Type": "text/html"})
        self.webhook_messages.append(request.body)
        return Answer(200, b"ok", {"Content-Type": "text/html"})

    def _post(self, body: dict[str, Any]) -> Answer:
        problems = self._check(body)
        if problems:
            return Answer(body={"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": problems}})
        thread = body.get("thread_ts")
        if thread and not any(one["ts"] == thread for one in self.messages):
            return Answer(body={"ok": False, "error": "thread_not_found"})
        self.store(body)
        return Answer(body={"ok": True, "channel": "C0LOAD", "ts": self.messages[-1]["ts"]})

    def store(self, body: dict[str, Any]) -> None:
        self.messages.append(body | {"ts": f"1763863200.{next(self._clock):06d}"})

    def _update(self, body: dict[str, Any]) -> Answer:
        problems = self._check(body)
        if problems:
            return Answer(body={"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": problems}})
        for position, one in enumerate(self.messages):
            if one["ts"] == body["ts"] and body["channel"] == "C0LOAD":
                self.messages[position] = one | {"text": body["text"], "blocks": body["blocks"]}
                return Answer(body={"ok": True, "channel": "C0LOAD", "ts": body["ts"]})
        return Answer(body={"ok": False, "error": "message_not_found"})

    def _history(self, body: dict[str, Any]) -> Answer:
        if not self._may_read:
            return Answer(body={"ok": False, "error": "missing_scope", "needed": "channels:history"})
        return Answer(body={"ok": True, "messages": self.messages})

    def _check(self, body: dict[str, Any]) -> list[str]:
        problems = check_message(body)
        self.problems += problems
        return problems


def check_message(body: dict[str, Any]) -> list[str]:
    """What Slack would refuse, and anything that would ping somebody."""
    problems = []
    text, blocks = body.get("text") or "", body.get("blocks") or []
    if not text:
        problems.append("no fallback text")
    if len(text) > TEXT_LIMIT:
        problems.append("text too long")
    if len(blocks) > BLOCKS_LIMIT:
        problems.append(f"{len(blocks)} blocks")
    if re.sub(r"&(?:amp|lt|gt);", "", text).count("&") or "<" in text or ">" in text:
        problems.append(f"text not escaped: {text[:80]}")
    for block in blocks:
        problems += _check_block(block)
    problems += [f"would ping: {leaf[:80]}" for leaf in leaves([text, blocks]) if PING.search(leaf)]
    return problems


def _check_block(block: dict[str, Any]) -> list[str]:
    kind = block.get("type")
    if kind not in KNOWN_BLOCKS:
        return [f"unknown block {kind}"]
    problems = []
    if kind in TEXT_LIMITS and "text" in block:
        length = len(block["text"]["text"])
        if not 1 <= length <= TEXT_LIMITS[kind]:
            problems.append(f"{kind} text of {length}")
    if kind == "header" and block["text"]["type"] != "plain_text":
        problems.append("a header is plain text")
    fields = block.get("fields") or []
    if len(fields) > FIELDS_LIMIT or any(not 1 <= len(one["text"]) <= FIELD_LIMIT for one in fields):
        problems.append("fields beyond the limit")
    if kind == "section" and not fields and "text" not in block:
        problems.append("empty section")
    if kind == "context" and not 1 <= len(block["elements"]) <= 10:
        problems.append("context elements")
    if kind == "rich_text":
        texts = leaves(block["elements"])
        if sum(map(len, texts)) > RICH_TEXT_LIMIT or any(not one for one in texts):
            problems.append(f"rich text of {sum(map(len, texts))}")
    if kind == "actions":
        for element in block["elements"]:
            if len(element["text"]["text"]) > 75 or len(element["url"]) > URL_LIMIT or not element["url"].startswith("http"):
                problems.append("button beyond the limit")
        if len({element["action_id"] for element in block["elements"]}) != len(block["elements"]):
            problems.append("action ids repeat")
    return problems


def leaves(value: Any) -> list[str]:
    """All strings in a nest of lists and dicts, except keys and types."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() if key not in ("type", "action_id") for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return []


def shown(message: dict[str, Any]) -> str:
    return "\n".join(leaves(message["blocks"]))
