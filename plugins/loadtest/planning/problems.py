"""What is wrong with a file that people write, in plain words; all of it at once, so that nobody corrects it one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loadtest.errors import ConfigurationError
from loadtest.files import NOT_SHOWN
from loadtest.planning.quantities import slug_pattern

MOST_SHOWN = 10

_IN_PLAIN_WORDS = {
    "extra_forbidden": "unknown key",
    "tuple_type": "this must be a list",
    "dict_type": "this must be a mapping (key: value)",
    "model_type": "this must be a mapping (key: value)",
}
_PATTERNS_IN_PLAIN_WORDS = {
    slug_pattern: "this must be lower-case letters, digits, and . _ - between them",
    "^/": "this must begin with /",
}


def problems_of(error: ValidationError) -> list[str]:
    """Each problem of a pydantic error as one clause: where, what is wrong, what came instead."""
    return [_clause(problem) for problem in error.errors(include_url=False)]


def refusal(path: Path, problems: Sequence[str]) -> ConfigurationError:
    """One problem is one sentence; several stand below each other."""
    if len(problems) == 1:
        end = "" if problems[0].endswith(("?", "!", ".")) else "."
        return ConfigurationError(f"{path}: {problems[0]}{end}")
    shown = [f"- {problem}" for problem in problems[:MOST_SHOWN]]
    if len(problems) > MOST_SHOWN:
        shown.append(f"- and {len(problems) - MOST_SHOWN} more")
    return ConfigurationError("\n".join([f"{path} has {len(problems)} problems:", *shown]))


def got(value: Any) -> str:
    """` (got 3)`; nothing for a value too long to be read."""
    shown = repr(value)
    return f" (got {shown[:80]})" if len(shown) < 200 else ""


def _clause(problem: Any) -> str:
    value = "" if problem["type"] in ("missing", NOT_SHOWN) else got(problem.get("input"))
    return f"{_place(problem['loc']) or 'the document'}: {message_of(problem)}{value}"


def message_of(problem: Any) -> str:
    """What one of pydantic's problems says, without its jargon."""
    if problem["type"] == "string_pattern_mismatch":
        return _PATTERNS_IN_PLAIN_WORDS.get(problem["ctx"]["pattern"], "this is not written as it must be")
    message = _IN_PLAIN_WORDS.get(problem["type"], problem["msg"]).removeprefix("Value error, ").rstrip(".")
    message = message.replace("Input should", "this must").replace("String should", "this must")
    return message[0].lower() + message[1:]


def _place(keys: tuple[str | int, ...]) -> str:
    """`backend.command`, `abort_when, item 2, above`: people count from 1."""
    place, separator = "", ""
    for key in keys:
        if isinstance(key, int):
            place, separator = f"{place}, item {key + 1}", ", "
        else:
            place, separator = f"{place}{separator}{key}", "."
    return place
