"""Requests that the load generator kept from leaving, because the environment does not allow their host.

The service never saw them, so they say nothing about it: a run that lacks more than a few of its requests is invalid.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from loadtest.analysis.models import FailureGroup, RunMetrics
from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.validity_facts import invalid, warn
from loadtest.wording import listing, plural

MOST_SHARE = 0.01  # of the requests
_NOT_SENT = re.compile(r"not sent to (https?://[^\s,]+), because this run may only send load to")


def requests_not_sent(failures: Sequence[FailureGroup]) -> dict[str, int]:
    """How many, by the host that they were for. `failures`: of the analysis, by cause."""
    counts: dict[str, int] = {}
    for group in failures:
        if match := _NOT_SENT.search(group.cause):
            counts[match[1]] = counts.get(match[1], 0) + group.count
    return counts


def judge_not_sent(metrics: RunMetrics | None, failures: Sequence[FailureGroup]) -> list[Finding]:
    counts = requests_not_sent(failures)
    if not counts:
        return []
    number = sum(counts.values())
    of_all = metrics.total.n if metrics is not None else 0
    to_where = f"{plural(number, 'request')} to {listing(sorted(counts))}"
    said = f"{to_where} were not sent, because the environment does not allow this host"
    if number > MOST_SHARE * of_all:
        return [invalid(f"{said}: users did not do what the scenario says", rule="not_sent", requests=number)]
    return [warn(said, rule="some_not_sent", requests=number)]
