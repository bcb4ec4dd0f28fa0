"""What one look at an installation found, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from loadtest.errors import LoadTestError
from loadtest.masking import mask_secrets


class Level(StrEnum):
    """`note`: works, but somebody should know; `wrong`: something will fail."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Check:
    """`found`: in a few words; `remedy`: what to do, empty where nothing is to be done."""

    name: str
    level: Level
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Check:
    return Check(name, Level.OK, found)


def note(name: str, found: str, remedy: str) -> Check:
    return Check(name, Level.NOTE, found, remedy)


def wrong(name: str, found: str, remedy: str) -> Check:
    return Check(name, Level.WRONG, found, remedy)


def looked_at(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """What `look` finds; a look that itself fails is a finding, and ends no other."""
    try:
        yield from look()
    except (LoadTestError, OSError) as error:
        yield wrong(name, mask_secrets(str(error)), "correct that, then look again")
