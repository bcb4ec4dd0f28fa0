"""Quantities as people write them: `30s`, `5m`, `1h30m`, `20 %`; names that are safe in paths."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

slug_pattern = r"^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?$"

_UNIT_S = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)")


def parse_duration_s(value: Any) -> float:
    """Seconds of `90`, `"90"`, `"30s"`, `"5m"`, `"1h30m"`; raises ValueError with what is allowed."""
    if isinstance(value, bool):
        raise ValueError("a duration is a number with a unit, such as 30s, 5m or 1h30m")
    if isinstance(value, int | float):
        return value
    text = str(value).strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise ValueError("a duration is a number with a unit, such as 30s, 5m or 1h30m")
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """`30s`, `5m`, `1h30m`: the shortest spelling that `parse_duration_s` reads back (whole seconds)."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    text = "".join(f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (secs, "s")) if number)
    return text or "0s"


def parse_share(value: Any) -> float:
    """A share of one: `0.2`, `"20 %"` and `"20%"` are the same."""
    if isinstance(value, str) and (percentage := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip())):
        return float(percentage[1]) / 100
    if isinstance(value, bool) or (isinstance(value, str) and "%" in value):
        raise ValueError("a share is a number between 0 and 1 or a percentage such as 20%")
    return value


def parse_ms(value: Any) -> float:
    """Milliseconds of `5000`, `"5000"`, `"800ms"`, `"5s"`; raises ValueError with what is allowed."""
    if isinstance(value, str) and not re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
        return parse_duration_s(value) * 1000
    return parse_duration_s(value)  # a plain number is taken as it is


def slugify(text: str) -> str:
    """A lower-case name that is safe as one part of a path or an id: never empty, never `..`, at most 100 characters."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:100].strip("-")
    return slug or "unnamed"


class AlsoWritten:
    """Of a value that a validator reads from other types as well: examples of them, for the JSON schema."""

    def __init__(self, *examples: Any) -> None:
        self.examples = list(examples)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"examples": self.examples}


DurationS = Annotated[float, BeforeValidator(parse_duration_s), AlsoWritten("30s")]
ShareOrPercent = Annotated[float, BeforeValidator(parse_share), AlsoWritten("20%")]
Slug = Annotated[str, Field(pattern=slug_pattern)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
