"""A value that a service tells of itself: in the JSON of an answer, in one of its headers, on its page of metrics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtest.masking import mask_secrets

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Told:
    """`value` as the JSON, the header or the metric has it; None where there is none: then `problem` says why, as a clause."""

    value: Any = None
    problem: str = ""


def ask(
    client: httpx.Client,
    path: str,
    timeout_s: float,
    *,
    json_pointer: str | None = None,
    header: str | None = None,
    metric: str | None = None,
) -> Told:
    """Exactly one of the three is looked for. Never raises for what a service may answer."""
    import httpx

    try:
        with client.stream("GET", path, timeout=timeout_s) as response:
            if header:
                return _found(response.headers.get(header), f"{path} has no header {header}")
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    return Told(problem=f"{path} answers with more than {MOST_BYTES:,} bytes")
        if metric:
            page = body.decode("utf-8", errors="replace")
            return _found(_metric(page, metric), f"{path} has no metric {metric} without labels")
        return _found(_at(json_pointer or "", json.loads(body)), f"{path} has nothing at {json_pointer}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Told(problem=f"{path} gave no answer: {mask_secrets(str(error))[:100] or type(error).__name__}")
    except (ValueError, RecursionError):
        return Told(problem=f"{path} does not answer with JSON")


def _found(value: Any, problem: str) -> Told:
    return Told(problem=problem) if value is None else Told(value)


def _at(pointer: str, document: Any) -> Any:
    """The value at a JSON pointer (RFC 6901, the first slash may be left out); None if there is none."""
    for step in pointer.removeprefix("/").split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def _metric(page: str, name: str) -> str | None:
    """The value of a metric without labels in Prometheus' text format."""
    for line in page.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] in (name, name + "{}"):
            return words[1]
    return None
