"""Numbers and times from other tools' files: possible ones, or one sentence that names the place."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from loadtest.errors import ConfigurationError

EARLIEST_S, LATEST_S = 946_684_800.0, 4_102_444_800.0  # 2000 to 2100
MOST_LATENCY_MS = 4_000_000.0  # 66 minutes: what samples.parquet can hold
_MISSING = ("", "-", "n/a", "none", "null")


def number(value: object, place: str, *, least: float, most: float) -> float:
    """A finite number within bounds; raises ConfigurationError for text, NaN and what cannot be."""
    try:
        found = float(str(value).strip().replace(",", ".")) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ConfigurationError(f"{place} is not a number: {str(value)[:60]!r}; nothing was imported.") from None
    if isinstance(value, bool) or not math.isfinite(found) or not least <= found <= most:
        raise ConfigurationError(f"{place} cannot be {str(value)[:60]}; nothing was imported.")
    return found


def optional(value: object) -> object | None:
    """None for what tools write where there is nothing."""
    return None if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING) else value


def moment(value: object, place: str) -> float:
    """Seconds since 1970 of epoch milliseconds or seconds, or of a date with time (UTC where it names no zone)."""
    text = str(value).strip()
    try:
        found = float(text)
    except ValueError:
        return _date(text, place)
    seconds = found / 1000 if found > LATEST_S else found
    return number(seconds, place, least=EARLIEST_S, most=LATEST_S)


def _date(text: str, place: str) -> float:
    # Go writes nanoseconds, of which Python reads six digits
    head, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    cut = f"{head}.{rest[: min(digits, 6)].ljust(6, '0')}{rest[digits:]}" if dot else text
    try:
        found = datetime.fromisoformat(cut.replace("/", "-"))
        seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{place} is no time: {text[:60]!r}; nothing was imported.") from None
    return number(seconds, place, least=EARLIEST_S, most=LATEST_S)
