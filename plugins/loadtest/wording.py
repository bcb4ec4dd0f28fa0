"""How numbers and words are written, the same in findings, reports, messages and the terminal.

A number that is missing is a dash, never a zero. Shares and relative changes are fractions (0.31 is 31 %), latencies
milliseconds, times UTC.
"""

from __future__ import annotations

import math
import re
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from loadtest.planning.quantities import format_duration

NONE = "–"
# A command in a text: at its beginning, in backticks, after a colon or "with". Other sentences have "loadtest" as a word.
_ADVISED = re.compile(r"(^\s*|[:`]\s?|\bwith:? |\bby )loadtest (?=[a-z])", re.MULTILINE)


def ms(value: float | None) -> str:
    """`3.42 ms`, `41.7 ms`, `497 ms`, `12,300 ms`: three significant digits, whole milliseconds from 100 on."""
    if value is None:
        return NONE
    if value >= 100:
        return f"{value:,.0f} ms"
    return f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"


def ms_number(value: float | None) -> str:
    """As `ms`, without the unit, for a column whose heading names it."""
    return ms(value).removesuffix(" ms")


def percent(share: float | None) -> str:
    """`0 %`, `0.35 %`, `12 %` of a share between 0 and 1; never `0 %` for something above zero."""
    if share is None:
        return NONE
    value = share * 100
    if value == 0:
        return "0 %"
    return f"{value:.0f} %" if abs(value) >= 10 else f"{value:.2g} %"


def change(effect: float | None) -> str:
    """`+31 %`, `-4 %` of a relative change; beyond tenfold a factor: `x23`."""
    if effect is None:
        return NONE
    if effect >= 9:
        return f"x{effect + 1:.0f}"
    return f"{round(effect * 100):+d} %"


def change_interval(interval: tuple[float, float] | None) -> str:
    """`+14 to +50 %` of a pair of relative changes."""
    if interval is None:
        return NONE
    low, high = (change(bound) for bound in interval)
    return f"{low.removesuffix(' %') if high.endswith(' %') else low} to {high}"


def log_change(log_ratio: float) -> str:
    """A log ratio as a relative change: 0.27 is `+31 %`."""
    return change(_relative(log_ratio))


def log_interval(low: float, high: float) -> str:
    """`90 % interval +14 to +50 %` of two log ratios."""
    return f"90 % interval {change_interval((_relative(low), _relative(high)))}"


def _relative(log_ratio: float) -> float:
    return math.expm1(min(log_ratio, 20.0))


def p_value(p: float) -> str:
    """`.0004` of 0.0004; two digits that matter, never `0`."""
    if p < 0.0001:
        return "below .0001"
    digits = 4 if p < 0.01 else 3 if p < 0.1 else 2
    return f"{p:.{digits}f}".removeprefix("0")


def number(count: int | None) -> str:
    """`1,500`."""
    return NONE if count is None else f"{count:,}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """`1 request`, `1,500 requests`; `nouns` where an s is not enough."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def listing(names: Sequence[str], most: int = 3) -> str:
    """`a, b and 2 more`: the first `most` names, the rest counted."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def rate(per_second: float | None) -> str:
    """Requests per second for a column: `48.3`, `1,210`, `0.25`."""
    if per_second is None:
        return NONE
    if per_second >= 100:
        return f"{per_second:,.0f}"
    return f"{per_second:.1f}" if per_second >= 10 else f"{per_second:.2f}"


def quantity(metric: str | None, value: float | None) -> str:
    """`value` of `metric` with its unit."""
    if value is None or metric is None:
        return NONE
    if metric.endswith("_ms"):
        return ms(value)
    if metric == "capacity_users":
        return f"{value:,.0f} users"
    return percent(value) if metric == "error_rate" else f"{value:,.4g} per second"


def threshold(metric: str | None, value: float | None) -> str:
    """As `quantity`, for a number that somebody set: `50 ms`, `99.5 ms`, with no digit that nobody wrote."""
    if value is None or metric is None or not metric.endswith("_ms"):
        return quantity(metric, value)
    return f"{value:,.10g} ms"


def has_unit(metric: str | None) -> bool:
    """Whether `quantity` can say a value of the metric: a ratio such as `tail_ratio` has no unit."""
    return metric is not None and (metric.endswith("_ms") or metric in ("error_rate", "rps", "capacity_users"))


def metric_label(metric: str | None) -> str:
    """What people call a metric: `p95` for `p95_ms`, `error rate` for `error_rate`; empty for None."""
    named = {
        "error_rate": "error rate",
        "rps": "throughput",
        "capacity_users": "capacity",
        "mean_ms": "mean latency",
        "typical_ms": "typical latency",
        "p5_to_p75_ms": "p5 to p75",
        "p91_to_p94_ms": "p91 to p94",
        "tail_ratio": "slowest tenth against typical",
    }
    return named.get(metric, metric.removesuffix("_ms")) if metric else ""


def subject(endpoint: str | None) -> str:
    """The endpoint's name, or `all requests` for the whole run."""
    return endpoint or "all requests"


def moment(when: datetime | None) -> str:
    """`2026-11-23 02:00:08 UTC`. A time without zone is UTC."""
    if when is None:
        return NONE
    aware = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return f"{aware:%Y-%m-%d %H:%M:%S} UTC"


def clock(when: datetime | None) -> str:
    """`02:00:08`, for events within one run."""
    return moment(when)[11:19] if when is not None else NONE


def duration(seconds: float | None) -> str:
    return NONE if seconds is None else format_duration(seconds)


def commit(value: str | None) -> str:
    """The first ten characters of a hash; a tag or branch as it is."""
    if not value:
        return NONE
    return value[:10] if len(value) >= 40 else value


def capitalized(text: str) -> str:
    """The first letter in upper case, unless it starts a name such as `p95`."""
    return text[:1].upper() + text[1:] if text[:2].isalpha() and text[:2].islower() else text


def sentence(text: str) -> str:
    """Starts with a capital and ends with a stop, so that it can stand beside others."""
    text = capitalized(text.strip())
    return text if not text or text.endswith((".", "!", "?", ":", "…", ".)")) else f"{text}."


def sentences(*parts: str) -> str:
    """Clauses as sentences, one after the other; empty ones are left out."""
    return " ".join(sentence(part) for part in parts if part.strip())


def called_as(*, elsewhere: bool = False) -> str:
    """How whoever started this process calls the product: `loadtest` where that is on PATH, else as it was called just now;
    `elsewhere`: so that it works from another folder, too."""
    called = sys.argv[0] if sys.argv else ""
    if Path(called).name == "__main__.py" and "loadtest" in Path(called).parts:
        return f"{_python()} -m loadtest"
    if Path(called).name != "loadtest" or _is_on_path("loadtest", called):
        return "loadtest"
    return str(Path(called).absolute()) if elsewhere else called


def as_called(text: str, *, elsewhere: bool = False) -> str:
    """A text with its advised commands (`loadtest explain ...`) as they can be typed here."""
    program = called_as(elsewhere=elsewhere)
    return _ADVISED.sub(lambda found: found[1] + program + " ", text)


def _python() -> str:
    name = Path(sys.executable).name
    own = [name for name in ("python", name) if _is_on_path(name, sys.executable)]
    return own[0] if own else sys.executable


def _is_on_path(name: str, program: str) -> bool:
    found = shutil.which(name)
    return found is not None and Path(found).absolute() == Path(program).absolute()
