"""A Swagger 2.0 document as the OpenAPI 3.0 document that says the same, as far as requests go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loadtest.scaffolding.schemas import METHODS, Document

Node = dict[str, Any]

_PLACES = {"#/definitions/": "#/components/schemas/", "#/responses/": "#/components/responses/"}
_NOT_SCHEMA = {
    "name",
    "in",
    "description",
    "required",
    "schema",
    "collectionFormat",
    "allowEmptyValue",
    "x-example",
    "x-examples",
}
_SEPARATED = {"multi": ("form", True), "ssv": ("spaceDelimited", False), "pipes": ("pipeDelimited", False)}
_FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials"}
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


def openapi_of(data: Node) -> Node:
    """A new document; what is damaged is left out, as a reader of OpenAPI would leave it out."""
    return _Converter(data).converted()


class _Converter:
    def __init__(self, data: Node) -> None:
        self._data = data
        self._document = Document(data)

    def converted(self) -> Node:
        data = self._data
        kept = {key: value for key, value in data.items() if key in ("info", "tags", "security") or key.startswith("x-")}
        components = {
            "schemas": _mapping(data.get("definitions")),
            "responses": {name: self._response(node, ()) for name, node in _mapping(data.get("responses")).items()},
            "securitySchemes": {
                name: _security_scheme(_mapping(node)) for name, node in _mapping(data.get("securityDefinitions")).items()
            },
        }
        paths = {path: self._path_item(item) for path, item in _mapping(data.get("paths")).items()}
        whole = kept | {"openapi": "3.0.3", "servers": _servers(data), "paths": paths, "components": components}
        return _renamed(whole)

    def _path_item(self, item: Any) -> Node:
        item = self._document.resolved(item)
        shared = list(self._parameters(item))
        return {
            method: self._operation(node, shared) for method in METHODS if (node := self._document.resolved(item.get(method)))
        }

    def _parameters(self, holder: Node) -> Iterator[Node]:
        listed = holder.get("parameters")
        for parameter in map(self._document.resolved, listed if isinstance(listed, list) else ()):
            if isinstance(parameter.get("name"), str):
                yield parameter

    def _operation(self, node: Node, shared: list[Node]) -> Node:
        own = list(self._parameters(node))
        named = {(parameter.get("in"), parameter["name"]): parameter for parameter in (*shared, *own)}
        parameters = list(named.values())
        dropped = ("parameters", "consumes", "produces", "schemes", "responses")
        converted = {key: value for key, value in node.items() if key not in dropped}
        converted["parameters"] = [_parameter(one) for one in parameters if one.get("in") not in ("body", "formData")]
        consumes = _strings(node.get("consumes")) or _strings(self._data.get("consumes"))
        if body := self._body(parameters, consumes):
            converted["requestBody"] = body
        produces = _strings(node.get("produces")) or _strings(self._data.get("produces"))
        answers = _mapping(node.get("responses"))
        converted["responses"] = {str(status): self._response(answer, tuple(produces)) for status, answer in answers.items()}
        return converted

    def _body(self, parameters: list[Node], consumes: list[str]) -> Node | None:
        body = next((one for one in parameters if one.get("in") == "body"), None)
        if body is not None:
            content: Node = {"schema": body.get("schema", {})}
            if "x-example" in body:
                content["example"] = body["x-example"]
            kinds = consumes or ["application/json"]
            return {"required": body.get("required") is True, "content": dict.fromkeys(kinds, content)}
        fields = [one for one in parameters if one.get("in") == "formData"]
        if not fields:
            return None
        schema = {
            "type": "object",
            "properties": {one["name"]: _schema(one) for one in fields},
            "required": [one["name"] for one in fields if one.get("required") is True],
        }
        has_file = any(one.get("type") == "file" for one in fields)
        kinds = [kind for kind in consumes if kind in (_FORM, _MULTIPART)] or [_MULTIPART if has_file else _FORM]
        return {"required": bool(schema["required"]), "content": {kinds[0]: {"schema": schema}}}

    def _response(self, node: Any, produces: tuple[str, ...]) -> Node:
        node = self._document.resolved(node)
        if "schema" not in node:
            return {"description": str(node.get("description", ""))}
        content = {kind: {"schema": node["schema"]} for kind in produces or ("application/json",)}
        return {"description": str(node.get("description", "")), "content": content}


def _parameter(node: Node) -> Node:
    converted: Node = {key: node[key] for key in ("name", "in", "description", "allowEmptyValue") if key in node}
    converted["required"] = node.get("required") is True
    converted["schema"] = _schema(node)
    if "x-example" in node:
        converted["example"] = node["x-example"]
    if node.get("type") == "array":
        style, explode = _SEPARATED.get(str(node.get("collectionFormat", "csv")), ("form", False))
        simple = node.get("in") in ("path", "header")
        converted |= {"style": "simple" if simple else style, "explode": explode and not simple}
    return converted


def _schema(node: Node) -> Node:
    """What a parameter that is no body says about its values."""
    return {key: value for key, value in node.items() if key not in _NOT_SCHEMA}


def _security_scheme(node: Node) -> Node:
    if node.get("type") == "basic":
        return {"type": "http", "scheme": "basic"}
    if node.get("type") != "oauth2":
        return node
    flow = {"scopes": _mapping(node.get("scopes"))}
    flow |= {key: node[key] for key in ("authorizationUrl", "tokenUrl") if key in node}
    return {"type": "oauth2", "flows": {_FLOWS.get(str(node.get("flow")), str(node.get("flow"))): flow}}


def _servers(data: Node) -> list[Node]:
    path = str(data.get("basePath", "")).rstrip("/")
    host = data.get("host")
    if not isinstance(host, str) or not host:
        return [{"url": path or "/"}]
    schemes = [scheme for scheme in _strings(data.get("schemes")) if scheme in ("https", "http")] or ["https"]
    return [{"url": f"{scheme}://{host}{path}"} for scheme in schemes]


def _renamed(node: Any, done: dict[int, Any] | None = None) -> Any:
    """References where OpenAPI 3 has them, files as strings of bytes, `x-nullable` as `nullable`; aliases are copied once."""
    done = {} if done is None else done
    if id(node) in done:
        return done[id(node)]
    if isinstance(node, list):
        copy: Any = []
        done[id(node)] = copy
        copy.extend(_renamed(item, done) for item in node)
        return copy
    if not isinstance(node, dict):
        return node
    copy = done[id(node)] = {}
    for key, value in node.items():
        if key == "$ref" and isinstance(value, str):
            old = next((old for old in _PLACES if value.startswith(old)), None)
            copy[key] = _PLACES[old] + value.removeprefix(old) if old else value
        elif key == "discriminator" and isinstance(value, str):
            copy[key] = {"propertyName": value}
        else:
            copy["nullable" if key == "x-nullable" else key] = _renamed(value, done)
    if copy.get("type") == "file":
        copy |= {"type": "string", "format": "binary"}
    return copy


def _mapping(value: Any) -> Node:
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
