"""The grammar of slowdowns, checked before anything starts.

A slowdown is carried out by the backend (see `include/sample_backend/slowdown.py`, which stands alone and therefore reads the
same grammar itself); here it is only refused early and shown.
"""

from __future__ import annotations

import re

from loadtest.errors import ConfigurationError
from loadtest.files import Record

_RULE = re.compile(
    r"(?P<method>GET|POST|PUT|PATCH|DELETE)\s+(?P<path>/[^\s=;]*)\s*=\s*"
    r"(?P<effect>\+(?P<added>\d{1,5}(?:\.\d{1,3})?)(?P<unit>ms|s)|x(?P<factor>\d{1,3}(?:\.\d{1,3})?))"
    r"(?:@(?P<share>\d{1,3}(?:\.\d{1,3})?)%)?"
)


class SlowdownRule(Record):
    """`effect` (`+400ms`, `x1.5`) on `share` of the requests to `endpoint` (METHOD + path)."""

    endpoint: str
    effect: str
    share: float


def parse_slowdown(text: str | None) -> tuple[SlowdownRule, ...]:
    """Rules such as `GET /api/v1/courses=+400ms; PUT /api/v1/students/{id}=x1.5@5%`; none for None or blank text.

    Raises ConfigurationError with one sentence for anything malformed or out of range.
    """
    pieces = [piece.strip() for piece in (text or "").split(";")]
    if len(pieces) > 1 and not any(pieces):
        raise ConfigurationError(f"The slowdown {text!r} holds no rule; write METHOD /path=+400ms, or leave it out.")
    return tuple(_rule(piece) for piece in pieces if piece)


def _rule(text: str) -> SlowdownRule:
    match = _RULE.fullmatch(text)
    if not match:
        raise ConfigurationError(
            f"The slowdown {text[:200]!r} cannot be read; write METHOD /path=+400ms, =x1.5 or =+300ms@5%, several joined by ';'."
        )
    added_ms = float(match["added"] or 0) * (1 if match["unit"] == "ms" else 1000)
    factor = float(match["factor"] or 1)
    share = float(match["share"] or 100) / 100
    if added_ms > 60_000 or factor < 1 or not 0 < share <= 1:
        raise ConfigurationError(
            f"The slowdown {text[:200]!r} is out of range; allowed are at most +60s, factors from x1, and shares up to 100%."
        )
    return SlowdownRule(endpoint=f"{match['method']} {match['path']}", effect=match["effect"], share=share)
