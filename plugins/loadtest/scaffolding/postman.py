"""A Postman collection (format 2.0 or 2.1): folders of requests with variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from loadtest.errors import ConfigurationError
from loadtest.scaffolding.recorded import REPLACED, Recorded, texts

MOST_DEPTH = 20
_VARIABLE = re.compile(r"\{\{([^{}]+)\}\}")
_PATH_VARIABLE = re.compile(r"(?<=/):(\w+)")


def read_postman(data: dict[str, Any], source: str, base_url: str | None) -> list[Recorded]:
    """The requests of a collection. Variables have the collection's values; one that begins a URL and has none is the
    service's base URL. Raises ConfigurationError for what is no collection."""
    if not isinstance(data.get("item"), list) or "info" not in data:
        raise ConfigurationError(f"{source} is no Postman collection (it has no info and item); export one as v2.1.")
    variables = dict(texts(data.get("variable"), "key"))
    return list(_requests(data["item"], variables, bool(data.get("auth")), base_url or "", 0))


def _requests(items: Any, variables: dict[str, str], auth: bool, base_url: str, depth: int) -> Iterator[Recorded]:
    for item in items if isinstance(items, list) and depth < MOST_DEPTH else ():
        if not isinstance(item, dict):
            continue
        has_auth = auth if "auth" not in item else bool(item["auth"])
        yield from _requests(item.get("item"), variables, has_auth, base_url, depth + 1)
        request = item.get("request")
        if isinstance(request, str):
            request = {"url": request}
        if isinstance(request, dict) and (url := _url(request.get("url"), variables, base_url)):
            yield _recorded(request, url, str(item.get("name") or ""), variables, has_auth)


def _url(node: Any, variables: dict[str, str], base_url: str) -> str | None:
    raw = node.get("raw") if isinstance(node, dict) else node
    if not isinstance(raw, str):
        return None
    first = _VARIABLE.match(raw)
    if first and not variables.get(first[1]):
        raw = (base_url or "http://127.0.0.1:8000") + raw[first.end() :]
    named = dict(texts(node.get("variable"), "key")) if isinstance(node, dict) else {}
    raw = _PATH_VARIABLE.sub(lambda found: named.get(found[1]) or "1", raw)
    raw = _filled(raw, variables)
    return raw if "://" in raw else f"http://{raw}"


def _recorded(request: dict[str, Any], url: str, title: str, variables: dict[str, str], auth: bool) -> Recorded:
    headers = dict(texts(request.get("header"), "key"))
    own = request.get("auth", auth)
    if own and not (isinstance(own, dict) and own.get("type") == "noauth"):
        headers["Authorization"] = ""
    body = request.get("body")
    body = body if isinstance(body, dict) else {}
    mode = body.get("mode")
    form = {"urlencoded": "application/x-www-form-urlencoded", "formdata": "multipart/form-data"}.get(str(mode))
    content_type = form or next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    pairs = {key: _filled(value, variables) for key, value in texts(body.get(str(mode)), "key")} if form else {}
    raw = _filled(str(body["raw"]), variables) if mode == "raw" and body.get("raw") else None
    return Recorded(str(request.get("method", "GET")).upper(), url, title, headers, pairs or raw, content_type)


def _filled(text: str, variables: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1]) or REPLACED, text)
