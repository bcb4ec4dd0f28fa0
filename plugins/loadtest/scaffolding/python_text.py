"""Python source from data that nobody checked: names, literals, docstrings and f-strings that cannot hold anything else.

Whatever stands in a document ends in the generated file only through these functions.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import quote

WIDTH = 120
EMPTY_WORDS = ("api", "open", "openapi", "swagger", "the", "welcome", "to")  # of titles
SAFE_IN_PATH = "/:@!$&()*+,;=~-._"  # of RFC 3986, without quotes

# What a Locust user has already, and what the file itself uses.
_RESERVED_WORDS = """
abstract client client_pool concurrency connection_timeout context default_headers environment fixed_count fullname get_tasks
greenlet group host insecure logger max_redirects max_retries network_timeout on_start on_stop os proxy_host proxy_port random
rest rest_ start state stop task tasks trigger run ssl_context_factory user user_agent wait wait_time weight between quote some
values_of base64 self response locust isinstance str len list dict set type id token answer basic annotations
"""
RESERVED = frozenset(_RESERVED_WORDS.split())


def identifier(text: str, taken: Collection[str] = (), default: str = "request") -> str:
    """A lower-case name for a method, attribute or variable: ASCII, no keyword, not taken, at most 60 characters."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text[:400])
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:60].strip("_") or default
    if name[0].isdigit():
        name = f"{default}_{name}"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in RESERVED:
        name = f"{name}_"
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def telling_words(title: str) -> list[str]:
    """At most three words of a title that say which service it is: ASCII letters only."""
    words = identifier(title, default="service").split("_")
    return [word for word in words if word.isalpha() and word not in EMPTY_WORDS][:3]


def string(text: str) -> str:
    """A string literal, in double quotes where that needs no escaping; what does not print is escaped."""
    shown = repr(text)
    return shown if '"' in shown else f'"{shown[1:-1]}"'


def literal(value: Any, indent: int = 0, used: int = 0) -> str:
    """Plain data (as of JSON) as a literal: on one line where it fits behind `used` characters, else an item a line."""
    flat = _flat(value)
    if indent + used + len(flat) <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner = " " * (indent + 4)
    if isinstance(value, dict):
        items = [f"{inner}{string(str(key))}: {literal(item, indent + 4, len(str(key)) + 5)}," for key, item in value.items()]
        return "\n".join(["{", *items, " " * indent + "}"])
    return "\n".join(["[", *(f"{inner}{literal(item, indent + 4, 1)}," for item in value), " " * indent + "]"])


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{string(str(key))}: {_flat(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    if value is None or isinstance(value, bool | int | float):
        return f'float("{value}")' if value != value or value in (float("inf"), float("-inf")) else repr(value)
    return string(str(value))


def sentence(text: str, limit: int = 100) -> str:
    """One line of prose for a docstring or comment: no quotes, backslashes, or characters that do not print."""
    words = " ".join(text[:2_000].split())
    plain = "".join(letter if letter.isprintable() else " " for letter in words)
    plain = " ".join(plain.replace('"', "'").replace("\\", "/").split())
    return plain if len(plain) <= limit else plain[: limit - 1].rsplit(" ", 1)[0] + "…"


def encoded(text: str) -> str:
    """Text of a path as it goes over the wire; braces, quotes, spaces and control characters are gone."""
    return quote(text, safe=SAFE_IN_PATH + "%", errors="replace")


def encoded_value(text: str) -> str:
    """One value in a path or query, encoded whole."""
    return quote(text, safe="-._~:,@", errors="replace")
