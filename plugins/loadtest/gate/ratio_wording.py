"""How log ratios, intervals and p values of findings are written, the same in every channel (other numbers: `wording`)."""

from __future__ import annotations

import math


def percent(log_ratio: float) -> str:
    """A log ratio as signed percent: 0.27 -> "+31 %"."""
    return signed_percent(math.expm1(min(log_ratio, 20.0)))


def signed_percent(relative: float) -> str:
    """0.31 -> "+31 %"; beyond tenfold as a factor: "x23"."""
    if relative >= 9:
        return f"x{relative + 1:.0f}"
    rounded = round(relative * 100)
    return f"{rounded:+d} %" if rounded else "+0 %"


def interval(low: float, high: float) -> str:
    """90 % interval of a log ratio."""
    lower, upper = percent(low), percent(high)
    if lower.endswith(" %") and upper.endswith(" %"):
        return f"90 % interval {lower.removesuffix(' %')} to {upper}"
    return f"90 % interval {lower} to {upper}"


def p_value(p: float) -> str:
    """0.0004 -> ".0004"; two digits that matter, never "0"."""
    if p < 0.0001:
        return "below .0001"
    digits = 4 if p < 0.01 else 3 if p < 0.1 else 2
    return f"{p:.{digits}f}".removeprefix("0")


def count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def share(value: float) -> str:
    """An error rate: 0.0123 -> "1.2 %"."""
    return f"{value * 100:.2g} %" if value < 0.1 else f"{value * 100:.0f} %"
