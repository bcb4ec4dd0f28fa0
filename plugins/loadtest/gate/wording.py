"""How numbers are spoken in findings and verdicts, so that every channel uses the same words.

Shares and milliseconds here; log ratios, their intervals and p values are in `ratio_wording`.
"""

from __future__ import annotations

from collections.abc import Sequence


def ms(value: float) -> str:
    """`3.42 ms`, `41.7 ms`, `497 ms`, `12,300 ms`: three significant digits, whole milliseconds from 100 on."""
    if value >= 100:
        return f"{value:,.0f} ms"
    return f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"


def percent(share: float) -> str:
    """`0 %`, `0.35 %`, `12 %` of a share between 0 and 1; never `0 %` for something above zero."""
    value = share * 100
    if value == 0:
        return "0 %"
    if abs(value) >= 10:
        return f"{value:.0f} %"
    return f"{value:.2g} %"


def change(effect: float) -> str:
    """`+31 %`, `-4 %` of a relative change."""
    return f"{effect * 100:+.0f} %"


def quantity(metric: str, value: float) -> str:
    """`value` of `metric` with its unit."""
    if metric.endswith("_ms"):
        return ms(value)
    return percent(value) if metric == "error_rate" else f"{value:,.4g} per second"


def metric_label(metric: str) -> str:
    """What people call a metric: `p95` for `p95_ms`, `error rate` for `error_rate`."""
    named = {
        "error_rate": "error rate",
        "rps": "throughput",
        "mean_ms": "mean latency",
        "typical_ms": "typical latency",
        "tail_ratio": "slowest tenth against typical",
    }
    return named.get(metric, metric.removesuffix("_ms"))


def subject(endpoint: str | None) -> str:
    """The endpoint's name, or `all requests` for the whole run."""
    return endpoint or "all requests"


def plural(count: int, word: str) -> str:
    """`1 request`, `1,500 requests`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def listing(names: Sequence[str], most: int = 3) -> str:
    """`a, b and 2 more`: the first `most` names, the rest counted."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
