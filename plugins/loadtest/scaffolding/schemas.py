"""The schemas of an OpenAPI document: references followed, `allOf` merged, and values checked by the document's dialect."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from openapi_schema_validator import OAS30WriteValidator, OAS31Validator, oas30_format_checker, oas31_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4, DRAFT202012

_BASE = "urn:document"
METHODS = ("get", "post", "put", "patch", "delete")
MOST_STEPS = 50  # references behind references; more is a circle
Schema = dict[str, Any]


class Document:
    """An OpenAPI document. References to other documents (see `references`) count as "anything"."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.is_30 = str(data.get("openapi", "")).startswith("3.0")
        specification = DRAFT4 if self.is_30 else DRAFT202012
        self._registry: Registry[Any] = Registry().with_resource(_BASE, specification.create_resource(data))

    def resolved(self, node: Any) -> dict[str, Any]:
        """What a node is, or refers to; an empty mapping where that is nothing, elsewhere, or a circle."""
        for _ in range(MOST_STEPS):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            node = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None
        node: Any = self.data
        for key in reference[2:].split("/"):
            key = unquote(key).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdigit() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, dict):
                node = node.get(key)
            else:
                return None
        return node

    def merged(self, schema: Any, depth: int = 0) -> Schema:
        """A schema with its `allOf` in it: properties and required names of all parts, other keywords of the last."""
        schema = self.resolved(schema)
        if "allOf" not in schema or depth > MOST_STEPS:
            return schema
        whole: Schema = {}
        own = {key: value for key, value in schema.items() if key != "allOf"}
        parts = schema["allOf"] if isinstance(schema["allOf"], list) else []
        for part in [*(self.merged(part, depth + 1) for part in parts), own]:
            properties = {**_mapping(whole.get("properties")), **_mapping(part.get("properties"))}
            required = list(dict.fromkeys([*_strings(whole.get("required")), *_strings(part.get("required"))]))
            whole = whole | part
            if properties:
                whole["properties"] = properties
            if required:
                whole["required"] = required
        return whole

    def accepts(self, schema: Any, value: Any) -> bool:
        """Whether a value that a client sends is valid; True where the schema itself cannot be used."""
        validator = OAS30WriteValidator if self.is_30 else OAS31Validator
        checker = oas30_format_checker if self.is_30 else oas31_format_checker
        try:
            return validator(_rebased(schema, {}), registry=self._registry, format_checker=checker).is_valid(value)
        except Exception:  # a schema that is none: nobody can say what it wants
            return True


def _rebased(node: Any, done: dict[int, Any]) -> Any:
    """A schema outside of the document that still finds what it refers to; aliases of YAML are copied once."""
    if id(node) in done:
        return done[id(node)]
    if isinstance(node, dict):
        copy: Any = {}
        done[id(node)] = copy
        for key, value in node.items():
            is_local = key == "$ref" and isinstance(value, str) and value.startswith("#")
            copy[key] = _BASE + value if is_local else _rebased(value, done)
        return copy
    if isinstance(node, list):
        copy = done[id(node)] = []
        copy.extend(_rebased(item, done) for item in node)
        return copy
    return node


def types_of(schema: Schema) -> list[str]:
    """The types that a schema allows, without null; guessed from its keywords where it names none."""
    named = schema.get("type")
    types = [named] if isinstance(named, str) else _strings(named)
    types = [name for name in types if name != "null"]
    if types:
        return types
    if "properties" in schema or "additionalProperties" in schema:
        return ["object"]
    return ["array"] if "items" in schema else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
