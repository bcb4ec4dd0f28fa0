"""How OpenAPI writes parameters: styles and `explode`, as text that is encoded already."""

from __future__ import annotations

import json
from typing import Any

from loadtest.scaffolding.python_text import encoded_value

_SEPARATORS = {"spaceDelimited": "%20", "pipeDelimited": "|"}


def in_path(name: str, value: Any, style: str, explode: bool) -> str:
    """A path segment: `simple` (3,4), `label` (.3.4), `matrix` (;id=3,4)."""
    if style == "label":
        return "." + ("." if explode else ",").join(_flat(value, explode))
    if style == "matrix":
        if explode and isinstance(value, dict):
            return "".join(f";{encoded_value(str(key))}={_word(item)}" for key, item in value.items())
        if explode and isinstance(value, list):
            return "".join(f";{encoded_value(name)}={_word(item)}" for item in value)
        return f";{encoded_value(name)}={','.join(_flat(value, explode))}"
    return ",".join(_flat(value, explode))


def in_query(name: str, value: Any, style: str, explode: bool) -> list[str]:
    """`key=value` pairs: `form`, `spaceDelimited`, `pipeDelimited`, `deepObject`."""
    key = encoded_value(name)
    if isinstance(value, dict):
        if style == "deepObject":
            return [f"{key}%5B{encoded_value(str(inner))}%5D={_word(item)}" for inner, item in value.items()]
        if explode:
            return [f"{encoded_value(str(inner))}={_word(item)}" for inner, item in value.items()]
    if isinstance(value, list) and explode:
        return [f"{key}={_word(item)}" for item in value] or [f"{key}="]
    return [f"{key}={_SEPARATORS.get(style, ',').join(_flat(value, explode))}"]


def in_header(value: Any, explode: bool) -> str:
    """`3,4` or `a=1,b=2`; line breaks and other control characters are gone."""
    return ",".join(_plain(item) for item in _items(value, explode))


def in_cookie(name: str, value: Any, explode: bool) -> str:
    return f"{encoded_value(name)}={','.join(_flat(value, explode))}"


def as_json(value: Any) -> str:
    """A parameter with a `content` of JSON."""
    return json.dumps(value, separators=(",", ":"))


def spelled(value: Any) -> str:
    """A single value as people write it in a URL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return as_json(value)
    return "" if value is None else str(value)


def _items(value: Any, explode: bool) -> list[str]:
    if isinstance(value, dict):
        pairs = [(str(key), spelled(item)) for key, item in value.items()]
        return [f"{key}={item}" for key, item in pairs] if explode else [word for pair in pairs for word in pair]
    return [spelled(item) for item in value] if isinstance(value, list) else [spelled(value)]


def _flat(value: Any, explode: bool) -> list[str]:
    if isinstance(value, dict) and explode:
        return [f"{encoded_value(str(key))}={_word(item)}" for key, item in value.items()]
    return [
        encoded_value(item).replace(",", "%2C") if isinstance(value, list | dict) else encoded_value(item)
        for item in _items(value, explode)
    ]


def _word(value: Any) -> str:
    return encoded_value(spelled(value))


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() and letter.isascii() else " " for letter in text).strip()
