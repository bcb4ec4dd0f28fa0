"""Text and times from outside, made fit for any database: no NUL, no half surrogates, no index entry too long."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

# PostgreSQL refuses index entries above about 2,700 bytes; 500 characters are at most 2,000 bytes in UTF-8.
ENDPOINT_LENGTH = 500
NAME_LENGTH = 128


def clean(text: str) -> str:
    """PostgreSQL refuses NUL, and no database takes half a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode("utf-8")


def clean_name(text: str) -> str:
    """At most 128 characters, never empty."""
    return clean(text)[:NAME_LENGTH] or "unnamed"


def endpoint_key(endpoint: str) -> str:
    """The name under which an endpoint is kept: itself, or its beginning and a hash if it has over 500 characters."""
    name = clean(endpoint)
    if len(name) <= ENDPOINT_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: ENDPOINT_LENGTH - 18]} #{digest}"


def small_int(value: int | None) -> int | None:
    """None for what a 32-bit column cannot hold."""
    return value if value is not None and 0 <= value < 2**31 else None


def aware(instant: datetime) -> datetime:
    """In UTC; a time without a zone is taken as UTC. Raises ValueError at the very ends of the calendar."""
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time must lie between the years 1 and 9999") from None
