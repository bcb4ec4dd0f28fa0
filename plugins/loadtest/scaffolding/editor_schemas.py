"""JSON Schemas of the YAML files that people write, so that an editor completes keys and marks mistakes while they type.

An editor knows less than `loadtest validate`: what depends on another key or file is checked there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import AliasChoices, BaseModel

from loadtest.planning.criteria import TARGET_METRICS, CommonCriteria, Criteria
from loadtest.planning.models import Environment, Scenario
from loadtest.planning.profiles import Profile
from loadtest.planning.schedules import Schedule

DIALECT = "http://json-schema.org/draft-07/schema#"  # what the YAML language server knows best
_COMPUTED = frozenset({"folder", "targets", "criteria", "files_digest"})  # what other files of a scenario say
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", type(None): "null"}


@dataclass(frozen=True)
class FileKind:
    """`files`: a glob, relative to the project's folder. `model` None: targets, which are no model of their own."""

    files: str
    model: type[BaseModel] | None
    no_keys: frozenset[str] = frozenset()


KINDS = {
    "profile": FileKind("include/profiles/*.yaml", Profile),
    "environment": FileKind("include/environments/*.yaml", Environment),
    "schedule": FileKind("include/schedules/*.yaml", Schedule),
    "scenario": FileKind("include/scenarios/*/scenario.yaml", Scenario, _COMPUTED),
    "targets": FileKind("include/scenarios/*/targets.yaml", None),
    "criteria": FileKind("include/scenarios/*/criteria.yaml", Criteria),
    "common-criteria": FileKind("include/criteria.yaml", CommonCriteria),
}


def editor_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 7) of one of `KINDS`."""
    model, no_keys = KINDS[kind].model, KINDS[kind].no_keys
    if model is None:
        return {"$schema": DIALECT, "title": "Targets"} | _targets()
    schema = model.model_json_schema(by_alias=True)
    properties = {key: value for key, value in schema["properties"].items() if key not in no_keys}
    for field in model.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            first, *others = map(str, field.validation_alias.choices)
            properties |= dict.fromkeys(others, properties[first])
    by_file = no_keys | {"name"}  # which the file's name gives; it may be said once more
    required = [key for key in schema.get("required", ()) if key not in by_file]
    written = _as_written(schema | {"properties": properties, "required": required})
    return {"$schema": DIALECT} | written


def _as_written(node: Any) -> Any:
    """Where a validator reads other types as well, which the examples tell, they are allowed; so is a date without quotes."""
    if isinstance(node, list):
        return [_as_written(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {key: _as_written(value) for key, value in node.items() if not (key == "format" and value == "date-time")}
    examples = found.pop("examples", None)
    if not isinstance(examples, list):
        return found
    told = {key: found.pop(key) for key in ("description", "default", "title") if key in found}
    others = dict.fromkeys(_TYPES[type(example)] for example in examples)
    return told | {"anyOf": [found, *({"type": other} for other in others)]}


def _targets() -> dict[str, Any]:
    limit = {"type": ["number", "string"], "description": "A duration such as `200ms` (a plain number is milliseconds)."}
    share = limit | {"description": "A share such as `0.01` or `1%`."}
    rate = {"type": "number", "exclusiveMinimum": 0, "description": "Requests per second, at least."}
    kinds = {"error_rate": share, "rps": rate}
    limits = {
        "type": "object",
        "properties": {metric: kinds.get(metric, limit) for metric in TARGET_METRICS},
        "additionalProperties": False,
    }
    endpoints = {
        "type": ["object", "null"],
        "additionalProperties": limits,
        "description": "Limits by endpoint, such as `GET /items/{id}`.",
    }
    total = limits | {"type": ["object", "null"], "description": "Limits on all requests together."}
    return {"type": "object", "properties": {"endpoints": endpoints, "total": total}, "additionalProperties": False}
