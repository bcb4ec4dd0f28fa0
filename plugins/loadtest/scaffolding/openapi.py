"""From an OpenAPI document (3.0 and 3.1; 2.0 is converted) to the requests of a service."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from loadtest.errors import ConfigurationError
from loadtest.scaffolding import parameters as written
from loadtest.scaffolding.answers import field_for, lists_in_answer, plural, singular
from loadtest.scaffolding.bodies import BodyMaker
from loadtest.scaffolding.examples import Examples, examples_of
from loadtest.scaffolding.python_text import encoded, identifier, sentence
from loadtest.scaffolding.schemas import METHODS, Document
from loadtest.scaffolding.security import SecuritySchemes
from loadtest.scaffolding.service import Body, Call, Constant, LeftOut, Part, Pool, Service
from loadtest.scaffolding.swagger import openapi_of

WEIGHTS = {"list": 3, "item": 4, "write": 1}
_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")


@dataclass(frozen=True)
class Operation:
    """An operation with the parameters of its path, references followed. `server`: its own, where it names one."""

    method: str
    path: str
    node: dict[str, Any]
    parameters: tuple[dict[str, Any], ...]
    server: str | None = None

    @property
    def endpoint(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def placeholders(self) -> list[str]:
        return _PLACEHOLDER.findall(self.path)

    @property
    def group(self) -> str:
        tags = self.node.get("tags")
        return str(tags[0]) if isinstance(tags, list) and tags else ""

    @property
    def needs_query(self) -> bool:
        return any(parameter.get("required") is True for parameter in self.named("query"))

    def named(self, where: str) -> list[dict[str, Any]]:
        return [parameter for parameter in self.parameters if parameter.get("in") == where]


def read_service(data: dict[str, Any], source: str, *, only: tuple[str, ...] = (), prefix: bool = True) -> Service:
    """The calls of a document; `only`: patterns of paths or tags; `prefix`: paths begin with that of the first server.

    Raises ConfigurationError for what is no OpenAPI document of version 2 or 3.
    """
    if str(data.get("swagger", "")).startswith("2"):
        data = openapi_of(data)
    version = str(data.get("openapi", ""))
    if not version.startswith("3."):
        found = f"Swagger {data['swagger']}" if "swagger" in data else "no OpenAPI document"
        raise ConfigurationError(f"{source} is {found}; versions 2.0 (Swagger), 3.0 and 3.1 are read.")
    return _Reader(Document(data), source, only, prefix).service()


class _Reader:
    def __init__(self, document: Document, source: str, only: tuple[str, ...], prefix: bool) -> None:
        self._document = document
        self._source = source
        self._server = server_url(document, document.data)
        self._has_prefix = prefix
        self._prefix = self._path_of(self._server)
        self._examples = Examples(document)
        self._bodies = BodyMaker(document, self._examples)
        self._names: set[str] = set()
        self._security = SecuritySchemes(document, self._names)
        self._operations = self._all_operations(only)
        for operation in self._operations:  # secrets have their names first, other values are named around them
            self._security.of(operation.node)
        self._plain_reads: dict[str, list[Operation]] = {}
        for operation in self._operations:
            if operation.method == "get" and not operation.placeholders and not operation.needs_query:
                path = operation.path.rstrip("/")
                for place in {path, path.rpartition("/")[0]}:
                    self._plain_reads.setdefault(place, []).append(operation)
        self._pools: dict[tuple[str, str], Pool] = {}
        self._constants: dict[tuple[str, str], Constant] = {}

    def service(self) -> Service:
        calls, left_out = [], []
        for operation in self._operations:
            try:
                calls.append(self._call(operation))
            except _NotPossible as reason:
                left_out.append(LeftOut(operation.endpoint, str(reason)))
        if not self._operations:
            calls.append(Call("GET", ("/",), None, "read_root", "The document describes no requests. Put in what users ask for."))
        groups = list(dict.fromkeys(call.group for call in calls))
        calls.sort(key=lambda call: groups.index(call.group))
        info = self._document.resolved(self._document.data.get("info"))
        title = sentence(str(info.get("title") or "the service"), 60)
        return Service(title, self._source, tuple(self._with_fills(calls)), tuple(left_out), self._server)

    def _path_of(self, server: str | None) -> str:
        return encoded(urlsplit(server).path.rstrip("/")) if self._has_prefix and server else ""

    def _prefix_of(self, operation: Operation) -> str:
        """Raises _NotPossible for an operation of another host."""
        if operation.server is None:
            return self._prefix
        host = urlsplit(operation.server).netloc
        if host and host != urlsplit(self._server or "").netloc:
            raise _NotPossible(f"it is on another host, {sentence(host, 60)}")
        return self._path_of(operation.server)

    def _all_operations(self, only: tuple[str, ...]) -> list[Operation]:
        paths = self._document.data.get("paths")
        operations = []
        for path, item in paths.items() if isinstance(paths, dict) else ():
            item = self._document.resolved(item)
            for method in METHODS:
                node = self._document.resolved(item.get(method))
                if node and str(path).startswith("/"):
                    server = server_url(self._document, node) or server_url(self._document, item)
                    operations.append(Operation(method, str(path), node, self._parameters(item, node), server))
        chosen = [operation for operation in operations if not only or _is_chosen(operation, only)]
        if operations and not chosen:
            raise ConfigurationError(f"No path or tag of {self._source} matches {', '.join(only)}.")
        return chosen

    def _parameters(self, item: dict[str, Any], node: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        """Those of the operation go before those of its path."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for holder in (item, node):
            listed = holder.get("parameters")
            for parameter in map(self._document.resolved, listed if isinstance(listed, list) else ()):
                if isinstance(parameter.get("name"), str):
                    found[str(parameter.get("in")), parameter["name"]] = parameter
        return tuple(found.values())

    def _call(self, operation: Operation) -> Call:
        body: Body | None = None
        body_headers: dict[str, str] = {}
        if operation.method != "get" and "requestBody" in operation.node:
            body, body_headers = self._bodies.of(operation.node["requestBody"])
            if body is None and self._document.resolved(operation.node["requestBody"]).get("required"):
                raise _NotPossible("its body is of a kind that cannot be written here")
        parts = [*self._path(operation), *self._query(operation)]
        is_templated = any(not isinstance(part, str) for part in parts) and operation.placeholders
        reads = operation.method == "get"
        task = identifier(_task_name(operation), self._names)
        self._names.add(task)
        return Call(
            method=operation.method.upper(),
            url=_joined(parts),
            name=self._prefix_of(operation) + _readable(operation.path) if is_templated else None,
            task=task,
            title=sentence(str(operation.node.get("summary") or operation.node.get("description") or "")),
            group=sentence(operation.group, 40),
            weight=WEIGHTS["write" if not reads else "item" if operation.path.endswith("}") else "list"],
            headers=body_headers | self._headers(operation),
            body=body,
            credentials=self._security.of(operation.node),
        )

    def _path(self, operation: Operation) -> list[Part]:
        known = {parameter["name"]: parameter for parameter in operation.named("path")}
        parts: list[Part] = [self._prefix_of(operation)]
        for position, piece in enumerate(_PLACEHOLDER.split(_without_fragment(operation.path))):
            parts.append(encoded(piece) if position % 2 == 0 else self._in_path(operation, piece, known.get(piece, {})))
        return parts

    def _in_path(self, operation: Operation, name: str, parameter: dict[str, Any]) -> Part:
        value = self._value(parameter, name)
        style, explode = str(parameter.get("style", "simple")), parameter.get("explode") is True
        text = written.in_path(name, value, style, explode)
        if style == "simple" and not isinstance(value, dict | list):
            before = operation.path.partition("{" + name + "}")[0].rstrip("/")
            pool = self._pool(name, before, value)
            if pool is not None:
                return pool
        return self._constant(name, text)

    def _query(self, operation: Operation) -> list[Part]:
        parts: list[Part] = []
        for parameter in operation.named("query"):
            if parameter.get("required") is not True:
                continue
            name = parameter["name"]
            separator = "&" if parts else "?"
            pool = self._pool(name, operation.path, None, exact=True) if operation.method == "get" else None
            if pool is not None:
                parts += [f"{separator}{written.encoded_value(name)}=", pool]
                continue
            if "content" in parameter:
                pairs = [f"{written.encoded_value(name)}={written.encoded_value(written.as_json(self._value(parameter, name)))}"]
            else:
                style = str(parameter.get("style", "form"))
                explode = parameter.get("explode", style == "form") is not False
                pairs = written.in_query(name, self._value(parameter, name), style, explode)
            parts.append(separator + "&".join(pairs))
        return parts

    def _headers(self, operation: Operation) -> dict[str, str]:
        """Required headers and cookies. Accept, Content-Type and Authorization are described elsewhere (OpenAPI says)."""
        headers, cookies = {}, []
        for parameter in operation.parameters:
            name = parameter["name"]
            if parameter.get("required") is not True or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                continue
            value, explode = self._value(parameter, name), parameter.get("explode") is True
            if parameter.get("in") == "cookie":
                cookies.append(written.in_cookie(name, value, explode))
            elif parameter.get("in") == "header" and name.lower() not in ("accept", "content-type", "authorization"):
                headers[name] = written.in_header(written.as_json(value) if "content" in parameter else value, explode)
        return headers | ({"Cookie": "; ".join(cookies)} if cookies else {})

    def _value(self, parameter: dict[str, Any], name: str) -> Any:
        content = parameter.get("content")
        if isinstance(content, dict) and content:
            media = self._document.resolved(next(iter(content.values())))
            return self._examples.of(media.get("schema", {}), self._given(parameter) + self._given(media), name)
        return self._examples.of(parameter.get("schema", {"type": "string"}), self._given(parameter), name)

    def _given(self, node: dict[str, Any]) -> list[Any]:
        examples = node.get("examples")
        if isinstance(examples, dict):
            node = node | {"examples": {key: self._document.resolved(item) for key, item in examples.items()}}
        return examples_of(node)

    def _constant(self, name: str, text: str) -> Constant:
        key = (name, text)
        if key not in self._constants:
            taken = {constant.name.lower() for constant in self._constants.values()} | self._names
            self._constants[key] = Constant(identifier(name, taken, "value").upper().strip("_") or "VALUE", text)
        return self._constants[key]

    def _pool(self, parameter: str, collection: str, value: Any, *, exact: bool = False) -> Pool | None:
        """Where values of a parameter come from: a list that can be read without knowing ids (see `_with_fills`)."""
        resource = collection.rstrip("/").rpartition("/")[2]
        for operation in sorted(self._lists_below(collection), key=lambda one: one.path.rstrip("/") != collection):
            if exact and operation.path == collection:
                continue
            for answer in lists_in_answer(self._document, operation.node):
                field = field_for(parameter, resource, answer.fields)
                if field and (not exact or field.lower() == parameter.lower()):
                    return self._pool_of(operation, answer.way, field, resource, value if value is not None else field)
        return None

    def _lists_below(self, collection: str) -> list[Operation]:
        """Operations at or below a path that can be read without knowing anything, in the document's order."""
        return self._plain_reads.get(collection.rstrip("/"), [])

    def _pool_of(self, operation: Operation, way: tuple[str, ...], field: str, resource: str, first: Any) -> Pool:
        key = (operation.path, field)
        if key not in self._pools:
            attribute = identifier(f"{singular(resource)}_{plural(field)}", self._names, "known")
            self._names.add(attribute)
            self._pools[key] = Pool(attribute, field, way, first)
        return self._pools[key]

    def _with_fills(self, calls: list[Call]) -> list[Call]:
        used = {part for call in calls for part in call.url if isinstance(part, Pool)}
        filling: dict[str, list[Pool]] = {}
        for (path, _), pool in self._pools.items():
            if pool in used:
                filling.setdefault(self._prefix + encoded(path), []).append(pool)
        return [
            replace(call, fills=tuple(filling[path])) if call.reads and (path := call.endpoint[4:]) in filling else call
            for call in calls
        ]


class _NotPossible(Exception):
    """An operation that no request can be written for; says why."""


def server_url(document: Document, node: dict[str, Any]) -> str | None:
    """The URL of a node's first server, with the defaults of its variables; None where there is none that makes sense."""
    servers = node.get("servers")
    server = document.resolved(servers[0]) if isinstance(servers, list) and servers else {}
    url = server.get("url")
    if not isinstance(url, str):
        return None
    variables = document.resolved(server.get("variables"))
    for name in set(_PLACEHOLDER.findall(url)):
        url = url.replace("{" + name + "}", str(document.resolved(variables.get(name)).get("default", "")))
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https", "") else None


def _is_chosen(operation: Operation, only: tuple[str, ...]) -> bool:
    return any(fnmatchcase(operation.path, pattern) or operation.group.lower() == pattern.lower() for pattern in only)


def _task_name(operation: Operation) -> str:
    """The operation's id, without the path that frameworks put into it."""
    own = operation.node.get("operationId")
    words = identifier(f"{operation.path} {operation.method}")
    if not isinstance(own, str) or not own.strip():
        verb = {"get": "read" if operation.path.endswith("}") else "list", "post": "create"}.get(
            operation.method, operation.method
        )
        return f"{verb} {_PLACEHOLDER.sub('', operation.path) or 'root'}"
    short = identifier(own).removesuffix(words.removeprefix("request_")).strip("_")
    return short or own


def _readable(path: str) -> str:
    """A path's name for tables: placeholders as they are, the rest as it goes over the wire."""
    pieces = _PLACEHOLDER.split(_without_fragment(path))
    return "".join(
        encoded(piece) if n % 2 == 0 else "{" + re.sub(r"\W+", "_", piece, flags=re.ASCII) + "}" for n, piece in enumerate(pieces)
    )


def _without_fragment(path: str) -> str:
    """Some documents tell operations of one path apart by `#name`, which no client sends."""
    return path.partition("#")[0]


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Texts beside each other become one."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)
