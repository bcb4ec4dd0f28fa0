"""From requests that somebody made (a HAR, a Postman collection, a crawl) to the requests of a service.

Secrets of a recording do not end in the file: credentials come from variables, values called password or token are replaced.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from loadtest.errors import ConfigurationError
from loadtest.load.grouping import EndpointNames
from loadtest.scaffolding.python_text import encoded, encoded_value, identifier, sentence
from loadtest.scaffolding.service import Body, BodyKind, Call, Choice, Credential, FormPart, LeftOut, Part, Proof, Service

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
MOST_URLS = 20  # of one endpoint
MOST_WEIGHT = 20
MANY_SIBLINGS = 10
_OF_PARTS = re.compile(r" $|/(?:api|rest|v\d+(?:\.\d+)*)$")
_ASSET = re.compile(r"\.(?:css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|avif|woff2?|ttf|eot|mp4|webm)$", re.IGNORECASE)
_SECRET = re.compile(r"pass(?:word|wd|phrase)?$|secret|token|api_?key|signature|credential|^otp$|session", re.IGNORECASE)
REPLACED = "change-me"
KEPT_HEADERS = {"accept", "accept-language", "content-type", "x-requested-with"}


@dataclass(frozen=True)
class Recorded:
    """One request. `body`: text as it was sent, or a mapping for forms."""

    method: str
    url: str
    title: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | dict[str, str] | None = None
    content_type: str = ""


def service_of(recorded: Sequence[Recorded], title: str, source: str, base_url: str | None) -> Service:
    """One call per endpoint of the service's own host, weighted by how often it was asked; raises ConfigurationError where
    nothing is left. Without `base_url` the host of the first request is the service's."""
    if not recorded:
        raise ConfigurationError(f"{source} holds no requests; nothing was written.")
    own = urlsplit(_own_url(recorded, base_url))
    names = EndpointNames([])
    groups: dict[str, list[Recorded]] = {}
    left_out: dict[str, str] = {}
    for request in recorded:
        parts = _split(request.url)
        if parts is None or request.method not in METHODS:
            continue
        if parts.netloc != own.netloc:
            left_out[f"requests to {sentence(parts.netloc, 60)}"] = "another host, to which no load goes"
        elif _ASSET.search(parts.path):
            left_out["images, scripts and styles"] = "they say little about the service; add them if yours do"
        else:
            path = parts.path or "/"
            groups.setdefault(names.name_of(request.method, path), []).append(request)
    if not groups:
        raise ConfigurationError(f"{source} holds no requests to {own.netloc}; give the service's --base-url.")
    taken: set[str] = set()
    prefix = urlsplit(base_url).path.rstrip("/") if base_url else ""
    folded = _folded(groups)
    calls = [_call(name, requests, prefix, taken, is_folded=name not in groups) for name, requests in folded.items()]
    server = f"{own.scheme}://{own.netloc}" if own.scheme in ("http", "https") else None
    reasons = tuple(LeftOut(what, why) for what, why in left_out.items())
    return Service(sentence(title, 60) or "the service", source, tuple(calls), reasons, server)


def _folded(groups: dict[str, list[Recorded]]) -> dict[str, list[Recorded]]:
    """Many pages side by side under one path (packages, articles) are one endpoint. Not under the root or a version: there
    stand the parts of a service."""
    siblings = Counter(_place(name) for name in groups)
    folded: dict[str, list[Recorded]] = {}
    for name, requests in groups.items():
        before, after = _place(name)
        is_one = siblings[before, after] >= MANY_SIBLINGS and not _OF_PARTS.search(before)
        folded.setdefault(f"{before}/{{name}}{after}" if is_one else name, []).extend(requests)
    return folded


def _place(endpoint: str) -> tuple[str, str]:
    """What stands before and after the last segment of a path."""
    after = "/" if endpoint.endswith("/") else ""
    return endpoint.removesuffix("/").rpartition("/")[0], after


def _own_url(recorded: Sequence[Recorded], base_url: str | None) -> str:
    """Of the service's host: that of the base URL where something was sent there, else of the most requests (they were
    recorded elsewhere, and go to the base URL from now on)."""
    hosts = Counter(parts.netloc for request in recorded if (parts := _split(request.url)))
    if base_url and urlsplit(base_url).netloc in hosts:
        return base_url
    most = hosts.most_common(1)[0][0] if hosts else ""
    return next((request.url for request in recorded if (parts := _split(request.url)) and parts.netloc == most), "")


def _split(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _call(endpoint: str, requests: list[Recorded], prefix: str, taken: set[str], *, is_folded: bool) -> Call:
    first = requests[0]
    method, _, path = endpoint.partition(" ")
    verb = {"GET": "read", "POST": "send", "PUT": "replace", "PATCH": "change", "DELETE": "delete"}.get(method, method)
    task = identifier(f"{verb} {path.strip('/') or 'start page'}", taken)
    taken.add(task)
    urls = list(dict.fromkeys(_path_and_query(request.url, prefix) for request in requests))[:MOST_URLS]
    url: tuple[Part, ...] = (urls[0],) if len(urls) == 1 else (Choice(f"{task}_urls".upper(), tuple(urls)),)
    body = _body(first)
    headers = {
        name.title(): value
        for name, value in first.headers.items()
        if name.lower() in KEPT_HEADERS and value.isascii() and value.isprintable()
    }
    if body is None or body.kind is not BodyKind.TEXT:
        headers.pop("Content-Type", None)
    return Call(
        method=method,
        url=url,
        name=path.removeprefix(prefix) if is_folded else None,
        task=task,
        title=sentence(first.title),
        weight=min(len(requests), MOST_WEIGHT),
        headers=headers,
        body=body,
        credentials=(AUTHORIZATION,) if any(name.lower() == "authorization" for name in first.headers) else (),
    )


# The whole header, whatever scheme it has: a recording holds somebody's own, which ends nowhere.
AUTHORIZATION = Credential("authorization", Proof.HEADER, "SCENARIO_AUTHORIZATION", "Authorization")


def _path_and_query(url: str, prefix: str) -> str:
    parts = urlsplit(url)
    path = encoded(parts.path or "/")
    path = path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = "&".join(f"{encoded_value(key)}={encoded_value(_harmless(key, value))}" for key, value in pairs)
    return f"{path}?{query}" if query else path


def _body(request: Recorded) -> Body | None:
    if isinstance(request.body, dict):
        form = {key: _harmless(key, value) for key, value in request.body.items()}
        if "multipart" in request.content_type:
            return Body(BodyKind.MULTIPART, [FormPart(name, text) for name, text in form.items()], request.content_type)
        return Body(BodyKind.FORM, form, request.content_type)
    if not request.body:
        return None
    if "json" in request.content_type or request.body.lstrip()[:1] in ("{", "["):
        try:
            return Body(BodyKind.JSON, _without_secrets(json.loads(request.body)), request.content_type)
        except (ValueError, RecursionError):
            pass  # it only looked like it
    if "x-www-form-urlencoded" in request.content_type:
        pairs = parse_qsl(request.body, keep_blank_values=True)
        return Body(BodyKind.FORM, {key: _harmless(key, value) for key, value in pairs}, request.content_type)
    return Body(BodyKind.TEXT, request.body, request.content_type)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: REPLACED if _SECRET.search(str(key)) and item else _without_secrets(item) for key, item in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def _harmless(key: str, value: str) -> str:
    return REPLACED if value and _SECRET.search(key) else value


def texts(pairs: Any, key: str = "name", value: str = "value") -> Iterable[tuple[str, str]]:
    """The pairs of HAR and Postman: a list of objects with a name and a value."""
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, dict) and isinstance(pair.get(key), str) and not pair.get("disabled"):
            yield pair[key], str(pair.get(value) or "")
