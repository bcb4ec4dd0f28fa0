"""Bodies of requests from the content that an OpenAPI document describes."""

from __future__ import annotations

from typing import Any

from loadtest.scaffolding.examples import Examples, examples_of
from loadtest.scaffolding.parameters import spelled
from loadtest.scaffolding.schemas import Document
from loadtest.scaffolding.service import Body, BodyKind, FormPart


class BodyMaker:
    """Makes request bodies that the schemas of an OpenAPI document accept."""

    def __init__(self, document: Document, examples: Examples) -> None:
        self._document = document
        self._examples = examples

    def of(self, node: Any) -> tuple[Body | None, dict[str, str]]:
        """The body and the headers that it needs; JSON before forms before text."""
        content = self._document.resolved(node).get("content")
        content = (
            {str(key): self._document.resolved(media) for key, media in content.items()} if isinstance(content, dict) else {}
        )
        for wanted in ("json", "x-www-form-urlencoded", "multipart/form-data", "text/", "xml", "octet-stream", "*/*"):
            for media_type, media in content.items():
                if wanted in media_type and media_type.isascii() and media_type.isprintable():
                    return self._made(media_type, media)
        return None, {}

    def _made(self, media_type: str, media: dict[str, Any]) -> tuple[Body | None, dict[str, str]]:
        given = self._given(media)
        value = self._examples.of(media.get("schema", {}), given)
        if "json" in media_type or media_type == "*/*":
            plain = media_type.partition(";")[0].strip() in ("application/json", "*/*")
            return Body(BodyKind.JSON, value, media_type), {} if plain else {"Content-Type": media_type}
        if "form" in media_type:
            if not isinstance(value, dict):
                return None, {}
            if "multipart" in media_type:
                return Body(BodyKind.MULTIPART, self._parts(media.get("schema"), value), media_type), {}
            return Body(BodyKind.FORM, {key: _field(item) for key, item in value.items()}, media_type), {}
        if not isinstance(value, str):
            return None, {}
        return Body(BodyKind.TEXT, value, media_type), {"Content-Type": media_type}

    def _parts(self, schema: Any, value: dict[str, Any]) -> list[FormPart]:
        """A part for each item of a list; binary content has a file name, by which servers tell uploads from fields."""
        properties = self._document.resolved(self._document.merged(schema).get("properties"))
        parts = []
        for name, item in value.items():
            described = self._document.merged(properties.get(name))
            if isinstance(item, list):
                described = self._document.merged(described.get("items"))
            is_file = described.get("format") in ("binary", "byte") or "contentMediaType" in described
            parts += [
                FormPart(name, spelled(one), name if is_file else None) for one in (item if isinstance(item, list) else [item])
            ]
        return parts

    def _given(self, media: dict[str, Any]) -> list[Any]:
        examples = media.get("examples")
        if isinstance(examples, dict):
            media = media | {"examples": {key: self._document.resolved(item) for key, item in examples.items()}}
        return examples_of(media)


def _field(value: Any) -> Any:
    return [spelled(item) for item in value] if isinstance(value, list) else spelled(value)
