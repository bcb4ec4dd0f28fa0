"""Reads a document of the user's choice: a file or an address, JSON or YAML, as plain data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from loadtest.errors import ConfigurationError, InfrastructureError

MOST_BYTES = 100_000_000
TIMEOUT_S = 30


class _PlainLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as its JSON would be: `2024-05-01` is text, not a date."""


_PlainLoader.yaml_implicit_resolvers = {
    letter: [(tag, expression) for tag, expression in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_document(source: str) -> dict[str, Any]:
    """The mapping that a file or an http(s) address holds; raises ConfigurationError (or InfrastructureError where the
    service does not answer) with one sentence."""
    data = read_any(source)
    if not isinstance(data, dict):
        raise ConfigurationError(f"{source} holds no mapping, so it is neither OpenAPI nor HAR nor a Postman collection.")
    return data


def read_any(source: str) -> Any:
    """What a file or an http(s) address holds, whatever it is; raises as `read_document`."""
    return parse(_text_of(source), source)


def parse(text: str, source: str) -> Any:
    try:
        if text.lstrip()[:1] in ("{", "["):
            try:
                return json.loads(text)
            except json.JSONDecodeError:
                pass  # YAML allows more, such as comments
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506 (it extends SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1})" if mark else ""
        raise ConfigurationError(f"{source} is neither JSON nor YAML{place}; give an OpenAPI document.") from None
    except RecursionError:
        raise ConfigurationError(f"{source} is nested too deeply to be read.") from None


def _text_of(source: str) -> str:
    if urlsplit(source).scheme in ("http", "https"):
        return _decoded(_download(source), source)
    path = Path(source)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError(f"{source} is larger than {MOST_BYTES // 1_000_000} MB; is it the right file?")
        return _decoded(path.read_bytes(), source)
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror or error}.") from None


def _download(url: str) -> bytes:
    import httpx

    content = bytearray()
    try:
        with httpx.stream("GET", url, timeout=TIMEOUT_S, follow_redirects=True) as response:
            if not response.is_success:
                raise ConfigurationError(f"{url} answered {response.status_code}; give the address of the document itself.")
            for piece in response.iter_bytes():
                content += piece
                if len(content) > MOST_BYTES:
                    raise ConfigurationError(f"{url} sends more than {MOST_BYTES // 1_000_000} MB; is it the right address?")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise InfrastructureError(f"{url} cannot be fetched: {error or type(error).__name__}.") from None
    return bytes(content)


def _decoded(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{source} is not UTF-8 text; give an OpenAPI document in JSON or YAML.") from None
