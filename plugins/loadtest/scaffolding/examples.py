"""An example of a schema: the document's own where it is valid, else one made to the schema's rules.

Always the same for the same document, so that writing a scenario anew changes nothing.
"""

from __future__ import annotations

import contextlib
import math
import random
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from loadtest.scaffolding.schemas import Document, Schema, types_of

MOST_DEPTH = 8
OPTIONAL_DEPTH = 2  # how deep properties are filled that nobody requires
MOST_VALUES = 500  # of one example, whatever a schema asks for
MOST_LETTERS = 10_000
MOST_ALTERNATIVES = 4  # of a oneOf that are tried until the whole is valid

_FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T10:30:00Z",
    "time": "10:30:00Z",
    "duration": "P1D",
    "email": "ada@example.com",
    "idn-email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "/path",
    "iri": "https://example.com/",
    "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "byte": "ZXhhbXBsZQ==",
    "binary": "example",
    "password": "correct-horse-battery-staple",
    "json-pointer": "/path",
    "regex": "^a$",
}

_PLAIN = ("a", "A", "1", "example", "Example", "a1", "A1", "2026-01-15", "+14155550123")  # read better than random letters


class Examples:
    """Finds or makes values that the schemas of an OpenAPI document accept."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def of(self, schema: Any, given: list[Any], name: str = "") -> Any:
        """The first valid one of what the document gives, of what its schemas give, and of what their rules allow."""
        makers = [
            _Maker(self._document, with_examples=with_examples, with_optional=with_optional, alternative=alternative)
            for alternative in range(MOST_ALTERNATIVES)
            for with_examples, with_optional in ((True, True), (False, True), (False, False))
        ]
        made = (lambda maker=maker: maker.make(schema, name) for maker in makers)
        last = None
        for candidate in [*(lambda value=value: value for value in given), *made]:
            last = candidate()
            if self._document.accepts(schema, last):
                return last
        return last


class _Maker:
    """Makes one example; `name` of a property is the text of last resort."""

    def __init__(self, document: Document, *, with_examples: bool, with_optional: bool, alternative: int) -> None:
        self._document = document
        self._with_examples = with_examples
        self._with_optional = with_optional
        self._alternative = alternative
        self._left = MOST_VALUES

    def make(self, schema: Any, name: str, depth: int = 0) -> Any:
        self._left -= 1
        schema = self._document.merged(schema)
        if "const" in schema:
            return schema["const"]
        if self._with_examples and (given := examples_of(schema)):
            return given[0]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return next((value for value in schema["enum"] if value is not None), None)
        if "default" in schema and schema["default"] is not None:
            return schema["default"]
        for keyword in ("oneOf", "anyOf"):
            if isinstance(schema.get(keyword), list) and schema[keyword]:
                return self._one_of(schema, keyword, name, depth)
        types = types_of(schema)
        if not types:
            return None if "type" in schema and schema["type"] in ("null", ["null"]) else name or "example"
        return self._of_type(types[0], schema, name, depth)

    def _one_of(self, schema: Schema, keyword: str, name: str, depth: int) -> Any:
        """An alternative that is more than null and does not lead back; what stands beside them holds as well."""
        rest = {key: value for key, value in schema.items() if key not in (keyword, "discriminator")}
        alternatives = [self._document.merged(part) for part in schema[keyword]]
        usable = [part for part in alternatives if part.get("type") not in ("null", ["null"])] or alternatives
        plain = [part for part in usable if types_of(part) != ["object"] and not {"oneOf", "anyOf"} & part.keys()]
        choice = plain or usable if depth > OPTIONAL_DEPTH else usable
        chosen = choice[self._alternative % len(choice)]
        return self.make({"allOf": [chosen, rest]} if rest else chosen, name, depth + 1) if depth < MOST_DEPTH else None

    def _of_type(self, type_: str, schema: Schema, name: str, depth: int) -> Any:
        if type_ == "object":
            return self._object(schema, depth)
        if type_ == "array":
            return self._array(schema, name, depth)
        if type_ == "boolean":
            return True
        if type_ in ("integer", "number"):
            return number(schema, whole=type_ == "integer")
        return text(schema, name)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        required = [key for key in schema.get("required") or [] if isinstance(key, str)]
        optional = [key for key in properties if key not in required] if self._with_optional and depth < OPTIONAL_DEPTH else []
        for key in [*required, *optional]:
            part = self._document.resolved(properties.get(key, {}))
            if part.get("readOnly") or depth >= MOST_DEPTH or self._left <= 0 or part is False:
                continue
            if key in optional and (part.get("deprecated") or self._leads_on(part)):
                continue
            value[str(key)] = self.make(properties.get(key, {}), str(key), depth + 1)
        missing = (schema.get("minProperties") or 0) - len(value)
        if isinstance(missing, int) and 0 < missing <= 20:
            more = schema.get("additionalProperties")
            value |= {f"key_{n}": self.make(more if isinstance(more, dict) else {}, "value", depth + 1) for n in range(missing)}
        return value

    def _leads_on(self, schema: Schema) -> bool:
        """Objects in objects that nobody requires: bodies stay as short as people write them, and circles are not entered."""
        merged = self._document.merged(schema)
        inner = self._document.merged(merged.get("items", {})) if types_of(merged) == ["array"] else merged
        return types_of(inner) == ["object"] or bool({"oneOf", "anyOf"} & inner.keys())

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 1)
        count = min(max(least if isinstance(least, int) else 1, 0 if depth > OPTIONAL_DEPTH else 1), 20)
        if schema.get("maxItems") == 0 or depth >= MOST_DEPTH or self._left <= 0:
            return []
        items = [self.make(schema.get("items", {}), name.removesuffix("s"), depth + 1) for _ in range(count)]
        if schema.get("uniqueItems"):
            items = [item + n if isinstance(item, int) and not isinstance(item, bool) else item for n, item in enumerate(items)]
        return items


def examples_of(node: dict[str, Any]) -> list[Any]:
    """`example`, and `examples` in the ways of schemas (a list) and of media types and parameters (a mapping)."""
    given = [node["example"]] if "example" in node else []
    several = node.get("examples")
    if isinstance(several, list):
        given += several
    elif isinstance(several, dict):
        given += [item["value"] for item in several.values() if isinstance(item, dict) and "value" in item]
    return given


def number(schema: Schema, *, whole: bool) -> int | float:
    """A small number within the bounds: 1 where that is allowed."""
    low: Any
    high: Any
    low, high = _bound(schema, "minimum", "exclusiveMinimum", whole), _bound(schema, "maximum", "exclusiveMaximum", whole)
    value: int | float = 1
    if low is not None and value < low:
        value = low
    if high is not None and value > high:
        value = high
    step: Any = schema.get("multipleOf")
    if _is_number(step) and step > 0:
        value = math.ceil(value / step) * step
        if high is not None and value > high:
            value = math.floor(high / step) * step
    if whole:
        return int(value)
    return value if isinstance(value, int) else round(value, 10)


def _bound(schema: Schema, inclusive: str, exclusive: str, whole: bool) -> float | None:
    """Of 3.0 (`exclusiveMinimum: true` beside `minimum`) and of 3.1 (a number of its own)."""
    nudge = (1 if whole else 0.01) * (1 if "min" in inclusive else -1)
    own: Any = schema.get(inclusive)
    other: Any = schema.get(exclusive)
    bounds = [own + nudge if other is True else own] if _is_number(own) else []
    bounds += [other + nudge] if _is_number(other) else []
    if not bounds:
        return None
    return max(bounds) if "min" in inclusive else min(bounds)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def text(schema: Schema, name: str) -> str:
    """A text of the format, or the name itself, in the length that is asked for; where a pattern wants another, one to it."""
    value = _FORMATS.get(str(schema.get("format")), name or "example")
    least = schema["minLength"] if isinstance(schema.get("minLength"), int) else 0
    most = schema["maxLength"] if isinstance(schema.get("maxLength"), int) else MOST_LETTERS
    least, most = min(least, MOST_LETTERS), max(most, 0)
    if len(value) < least:
        value = (value + "-example" * (least // 8 + 1))[:least]
    value = value[:most]
    pattern = schema.get("pattern")
    if not isinstance(pattern, str):
        return value
    fitting = (made for made in (value, *_PLAIN, *_to_pattern(pattern)) if least <= len(made) <= most and _matches(pattern, made))
    return next(fitting, value)


def _matches(pattern: str, value: str) -> bool:
    try:
        return bool(re.search(pattern, value))
    except re.error:  # ECMA's expressions are not Python's
        return True


def _to_pattern(pattern: str) -> Iterator[str]:
    """Texts to a regular expression; none where it is none, or could make too much: a hostile one could ask for a terabyte."""
    import rstr

    depth = max(accumulate((letter == "(") - (letter == ")") for letter in pattern), default=0)
    if len(pattern) > 500 or depth > 2:  # at most 100 repeats of 100 repeats of 100
        return
    with contextlib.suppress(Exception):
        for seed in range(10):
            yield rstr.Rstr(random.Random(seed)).xeger(pattern)
