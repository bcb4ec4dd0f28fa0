"""Failures grouped by cause: what fails where, how often, from when to when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.models import FailureGroup
from loadtest.analysis.samples import Samples
from loadtest.analysis.time_grid import moment
from loadtest.masking import mask_secrets

MOST_GROUPS = 2_000
CAUSE_LENGTH = 500
_READ_AT_MOST = 4_000  # characters of an error text that are looked at

_UUID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_HEX = re.compile(r"\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b")
# Hosts and ports are few and say where it failed: of a URL, an IPv4 address, localhost, `port=`; other numbers are folded.
_HOST = (
    r"://[^\s/?#'\"]{1,300}|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)(?::\d{1,5}\b)?|"
    r"\blocalhost:\d{1,5}\b|\bport[= ]\d{1,5}\b"
)
_NUMBER = re.compile(rf"(?P<host>{_HOST})|(?<![A-Za-z0-9])\d+(?:\.\d+)*")
_SPACE = re.compile(r"\s+")


class RawFailures(NamedTuple):
    """All failures of one (endpoint code, error code, status), whole run; times in microseconds."""

    endpoint: int
    error: int
    status: int
    occurrences: int
    first_us: int
    last_us: int


class FailureCounts:
    """Adds up failures chunk by chunk; memory grows with the distinct (endpoint, error, status), not with the failures."""

    def __init__(self) -> None:
        self._groups: dict[int, tuple[int, int, int]] = {}

    def add(self, chunk: Samples, failed: NDArray[np.intp]) -> None:
        """`failed`: indices of the chunk's failed requests, not empty."""
        key = chunk.endpoint[failed].astype(np.int64)
        key = ((key << 16 | chunk.error[failed]) << 16) | chunk.status[failed]
        order = np.argsort(key, kind="stable")
        key, start_us = key[order], chunk.start_us[failed][order]
        starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
        counts = np.diff(np.append(starts, len(key)))
        firsts, lasts = np.minimum.reduceat(start_us, starts), np.maximum.reduceat(start_us, starts)
        for group, count, first, last in zip(key[starts].tolist(), counts.tolist(), firsts.tolist(), lasts.tolist(), strict=True):
            old = self._groups.get(group)
            self._groups[group] = (count, first, last) if old is None else (old[0] + count, min(old[1], first), max(old[2], last))

    def raw(self) -> list[RawFailures]:
        return [
            RawFailures(group >> 32, group >> 16 & 0xFFFF, group & 0xFFFF, count, first, last)
            for group, (count, first, last) in self._groups.items()
        ]


def cause_of(error: str, status: int = 0) -> str:
    """An error text without what differs from request to request: ids and numbers folded, secrets masked, capped.

    Hosts with their ports and the number of the answer's own status ("HTTP 503") stay readable.
    """
    text = _SPACE.sub(" ", error[:_READ_AT_MOST]).strip()
    text = _UUID.sub("{id}", text)
    text = _HEX.sub("{id}", text)
    text = _NUMBER.sub(lambda match: match[0] if match["host"] or match[0] == str(status) else "{n}", text)
    text = mask_secrets(text)
    return text if len(text) <= CAUSE_LENGTH else text[: CAUSE_LENGTH - 1] + "…"


def group_failures(
    raw: Sequence[RawFailures], endpoints: Sequence[str], errors: Sequence[str]
) -> tuple[tuple[FailureGroup, ...], int]:
    """Groups by (endpoint, cause, status), most frequent first, and how many groups beyond MOST_GROUPS were left out."""
    grouped: dict[tuple[str, str, int], tuple[int, int, int]] = {}
    causes: dict[tuple[int, int], str] = {}
    for failure in raw:
        cause_key = (failure.error, failure.status)
        if cause_key not in causes:
            causes[cause_key] = cause_of(errors[failure.error], failure.status)
        key = (endpoints[failure.endpoint], causes[cause_key], failure.status)
        count, first, last = grouped.get(key, (0, failure.first_us, failure.last_us))
        grouped[key] = (count + failure.occurrences, min(first, failure.first_us), max(last, failure.last_us))
    ranked = sorted(grouped.items(), key=lambda item: (-item[1][0], item[0]))
    groups = tuple(
        FailureGroup(endpoint=endpoint, cause=cause, status=status, count=count, first_at=moment(first), last_at=moment(last))
        for (endpoint, cause, status), (count, first, last) in ranked[:MOST_GROUPS]
    )
    return groups, max(0, len(ranked) - MOST_GROUPS)
