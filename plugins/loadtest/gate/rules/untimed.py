"""Requests whose client reported no possible time (none, text, negative, longer than the run) count, but in no latency."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.validity_facts import Facts, warn
from loadtest.wording import percent, plural

SOME_SHARE = 0.01  # of an endpoint's requests: p99 could be another


def judge_untimed(facts: Facts) -> Iterator[Finding]:
    """One finding for all endpoints, with the one that has the largest share; fewer are told by the analysis."""
    endpoints = [one for one in facts.metrics.endpoints if one.untimed] if facts.metrics else []
    worst = max(endpoints, key=lambda one: one.untimed / one.n, default=None)
    if worst is None or worst.untimed < SOME_SHARE * worst.n:
        return
    others = f", as had those of {plural(len(endpoints) - 1, 'more endpoint')}" if len(endpoints) > 1 else ""
    yield warn(
        f"{worst.untimed:,} of {plural(worst.n, 'request')} of {worst.endpoint} ({percent(worst.untimed / worst.n)}) had no "
        f"possible response time{others}: they count, but in no latency",
        rule="untimed",
        untimed=sum(one.untimed for one in endpoints),
        endpoint=worst.endpoint,
    )
