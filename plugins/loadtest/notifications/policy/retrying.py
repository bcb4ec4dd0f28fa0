"""Calls to other people's services: repeated with back-off, obeying Retry-After, bounded in number and time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from loadtest.errors import InfrastructureError

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """At most `tries` calls; waits grow from `first_wait_s`; none is longer than `longest_wait_s`, asked for or not."""

    tries: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0


class DeliveryError(InfrastructureError):
    """The other side did not take it. `again`: another try may help; `maybe_sent`: it may have arrived all the same."""

    def __init__(self, message: str, *, again: bool, retry_after_s: float | None = None, maybe_sent: bool = False) -> None:
        super().__init__(message)
        self.again = again
        self.retry_after_s = retry_after_s
        self.maybe_sent = maybe_sent


def repeat(call: Callable[[], T], policy: RetryPolicy) -> T:
    """Call until it succeeds; raises the last DeliveryError. A wait that the other side wants longer than
    `longest_wait_s` is not sat out: the error says when to come back, and the task's own retry does."""
    backoff = wait_exponential_jitter(multiplier=policy.first_wait_s, max=policy.longest_wait_s, jitter=policy.first_wait_s)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, DeliveryError) else None
        return backoff(state) if asked is None else asked

    def worthwhile(error: BaseException) -> bool:
        if not isinstance(error, DeliveryError) or not error.again or error.maybe_sent:
            return False
        return error.retry_after_s is None or error.retry_after_s <= policy.longest_wait_s

    return Retrying(stop=stop_after_attempt(policy.tries), wait=wait, retry=retry_if_exception(worthwhile), reraise=True)(call)


def retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header (a number or an HTTP date); None when it is absent or nonsense."""
    if value is None:
        return None
    text = value.strip()
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, IndexError):
        return None
