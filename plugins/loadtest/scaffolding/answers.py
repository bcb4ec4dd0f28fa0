"""Which ids does a service name in its lists? So that users ask for what exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loadtest.scaffolding.schemas import Document, Schema, types_of

_SHORT_NAMES = ("id", "uid", "uuid", "guid", "slug", "key", "code", "number", "login", "username", "name", "sha", "title")


@dataclass(frozen=True)
class ListAnswer:
    """A list in an answer: the keys to it, and the fields of its items that are plain values."""

    way: tuple[str, ...]
    fields: tuple[str, ...]


def lists_in_answer(document: Document, operation: dict[str, Any]) -> list[ListAnswer]:
    """The lists of objects in a successful JSON answer, the outermost first."""
    return [
        ListAnswer(way, fields)
        for way, items in _arrays(document, answer_schema(document, operation), (), 0)
        if (fields := _plain_fields(document, items))
    ]


def answer_schema(document: Document, operation: dict[str, Any]) -> Any:
    responses = operation.get("responses")
    for status, response in responses.items() if isinstance(responses, dict) else ():
        if not str(status).startswith("2") and str(status) != "default":
            continue
        content = document.resolved(response).get("content")
        for media_type, media in content.items() if isinstance(content, dict) else ():
            if "json" in str(media_type) and isinstance(media, dict):
                return media.get("schema")
    return None


def field_for(parameter: str, resource: str, fields: tuple[str, ...]) -> str | None:
    """The field of a list's items that a parameter takes: `petId` or `pet_id` takes `petId`, else `id`; `{pet}` takes `id`."""
    wanted, names = _folded(parameter), {_folded(field): field for field in fields}
    if wanted in names:
        return names[wanted]
    for short in _SHORT_NAMES:
        if short in names and (wanted.endswith(short) and len(wanted) > len(short)):
            return names[short]
    if singular(resource) and _folded(singular(resource)) in (wanted, wanted.removesuffix("id")):
        return next((names[short] for short in _SHORT_NAMES if short in names), None)
    return None


def singular(word: str) -> str:
    if re.search(r"(ss|us|is)$", word):
        return word
    return re.sub(r"ies$", "y", word) if word.endswith("ies") else re.sub(r"(?<=x|h|z)es$|s$", "", word)


def plural(word: str) -> str:
    if word.endswith("s"):
        return word
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _arrays(document: Document, schema: Any, way: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Schema]]:
    merged = document.merged(schema)
    if types_of(merged) == ["array"]:
        yield way, document.merged(merged.get("items"))
    elif depth < 2 and isinstance(merged.get("properties"), dict):
        for key, part in merged["properties"].items():
            yield from _arrays(document, part, (*way, str(key)), depth + 1)


def _plain_fields(document: Document, items: Schema) -> tuple[str, ...]:
    properties = items.get("properties")
    if not isinstance(properties, dict):
        return ()
    plain = {"string", "integer", "number"}
    return tuple(
        str(key) for key, part in properties.items() if plain.issuperset(types := types_of(document.merged(part))) and types
    )
