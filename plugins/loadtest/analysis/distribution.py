"""Latency distributions for the report's charts: quantiles at fixed levels, steady phase, successes."""

from __future__ import annotations

from loadtest.analysis.models import QUANTILES, Distribution
from loadtest.analysis.run_metrics import TOTAL
from loadtest.analysis.tally import STEADY_QUANTILES, Tally

_COLUMNS = [STEADY_QUANTILES.index(level) for level in QUANTILES]


def distributions(tally: Tally) -> tuple[Distribution, ...]:
    """One per endpoint with a success, sorted by name, and last the one of all together."""
    found = [
        Distribution(endpoint=name, quantiles_ms=tuple((tally.steady[code, _COLUMNS] / 1000).tolist()))
        for code, name in sorted(enumerate(tally.endpoints), key=lambda item: item[1])
        if tally.steady_successes[code]
    ]
    if found:
        found.append(Distribution(endpoint=TOTAL, quantiles_ms=tuple((tally.steady_total[_COLUMNS] / 1000).tolist())))
    return tuple(found)
