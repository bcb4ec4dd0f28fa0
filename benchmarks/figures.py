"""How benchmark scripts print their headline figures, and the uncertainty of a share."""

from __future__ import annotations

import math


def figure(name: str, value: float, unit: str, bar: str = "-") -> bool:
    """Print `FIGURE name value unit bar ok|short`; `bar` is like "<=1", ">=70", or "-" for a figure without one."""
    limit = float(bar[2:]) if bar != "-" else math.nan
    ok = bar == "-" or (value <= limit if bar.startswith("<=") else value >= limit)
    print(f"FIGURE {name} {value:.4g} {unit} {bar} {'ok' if ok else 'short'}")
    return ok


def percent(hits: int, trials: int) -> str:
    """Share in percent with its standard error: "0.8 +- 0.2"."""
    share = hits / trials
    return f"{share * 100:.1f} ± {math.sqrt(max(share * (1 - share), 1 / trials**2) / trials) * 100:.1f}"
