"""A HAR: what a browser's developer tools or a proxy recorded."""

from __future__ import annotations

from typing import Any

from loadtest.errors import ConfigurationError
from loadtest.scaffolding.recorded import Recorded, texts


def read_har(data: dict[str, Any], source: str) -> list[Recorded]:
    """The requests of a HAR 1.x in the order in which they were made; raises ConfigurationError for what is none."""
    log = data.get("log")
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise ConfigurationError(f"{source} is no HAR (it has no log.entries); save one in the browser's network view.")
    requests = [entry["request"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("request"), dict)]
    return [_recorded(request) for request in requests if isinstance(request.get("url"), str)]


def _recorded(request: dict[str, Any]) -> Recorded:
    sent = request.get("postData")
    sent = sent if isinstance(sent, dict) else {}
    form = dict(texts(sent.get("params")))
    return Recorded(
        method=str(request.get("method", "GET")).upper(),
        url=request["url"],
        headers=dict(texts(request.get("headers"))),
        body=form or (str(sent["text"]) if sent.get("text") else None),
        content_type=str(sent.get("mimeType") or ""),
    )
