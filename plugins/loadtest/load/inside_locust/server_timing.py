"""Durations in a W3C Server-Timing header: `db;dur=12.5, app;dur=30;desc="view"` is db 12.5 ms, app 30 ms."""

from __future__ import annotations

import re
from functools import lru_cache

_METRIC = re.compile(r"""([\w!#$%&'*+.^`|~-]+)((?:\s*;\s*[\w-]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^;,"]*))?)*)""")
_DURATION = re.compile(r";\s*dur\s*=\s*\"?\s*(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)", re.IGNORECASE)
_NOT_NAME = re.compile(r"[^a-z0-9_]+")
MAX_HEADER_LENGTH = 2_000


def parse_server_timing(header: object) -> list[tuple[str, float]]:
    """(component, milliseconds) of every metric with a duration; what cannot be read is left out.

    `header` is a string, or a list of them where the header came several times.
    """
    if not isinstance(header, str):
        if not isinstance(header, list | tuple):
            return []
        header = ", ".join(str(part) for part in header)
    if '"' not in header:
        quick = _parse_plain(header)
        if quick is not None:
            return quick
    found = []
    for name, parameters in _METRIC.findall(header[:MAX_HEADER_LENGTH]):
        duration = _DURATION.search(parameters)
        if duration:
            found.append((component_name(name), float(duration[1])))
    return found


def _parse_plain(header: str) -> list[tuple[str, float]] | None:
    """The usual form, `name;dur=1.5, name;dur=2`, without regular expressions; None when it is not that form."""
    found = []
    try:
        for part in header.split(","):
            name, number = part.split(";dur=")
            found.append((component_name(name), float(number)))
    except ValueError:
        return None
    return found if all(0 <= number < 1e9 for _, number in found) else None


@lru_cache(maxsize=256)
def component_name(name: str) -> str:
    """A name that can be part of a column: lower case, letters, digits and `_`."""
    return _NOT_NAME.sub("_", name.strip().lower()).strip("_")[:40] or "unnamed"
