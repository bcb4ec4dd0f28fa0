"""What differs between two versions of a baseline, endpoint by endpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from loadtest.baselines.models import Baseline


@dataclass(frozen=True)
class EndpointChange:
    """Mean over the runs of each version, milliseconds; None where an endpoint is missing. `p95_change` is relative."""

    endpoint: str
    typical_before_ms: float | None
    typical_after_ms: float | None
    p95_before_ms: float | None
    p95_after_ms: float | None

    @property
    def typical_change(self) -> float | None:
        return _relative(self.typical_before_ms, self.typical_after_ms)

    @property
    def p95_change(self) -> float | None:
        return _relative(self.p95_before_ms, self.p95_after_ms)


@dataclass(frozen=True)
class BaselineChange:
    """`added` and `removed` are run ids. `comparable`: same plan digest and host class."""

    before: Baseline
    after: Baseline
    added: tuple[str, ...]
    removed: tuple[str, ...]
    comparable: bool
    endpoints: tuple[EndpointChange, ...]


def diff(before: Baseline, after: Baseline) -> BaselineChange:
    old, new = {run.run_id for run in before.runs}, {run.run_id for run in after.runs}
    names = sorted({row.endpoint for baseline in (before, after) for run in baseline.runs for row in run.endpoints})
    return BaselineChange(
        before=before,
        after=after,
        added=tuple(sorted(new - old)),
        removed=tuple(sorted(old - new)),
        comparable=(before.digest, before.host_class) == (after.digest, after.host_class),
        endpoints=tuple(
            EndpointChange(
                name,
                level_ms(before, name, "lm"),
                level_ms(after, name, "lm"),
                level_ms(before, name, "log_p95"),
                level_ms(after, name, "log_p95"),
            )
            for name in names
        ),
    )


def level_ms(baseline: Baseline, endpoint: str, field: str) -> float | None:
    """Geometric mean over the runs of a log metric (`lm`, `log_p95`, ...) of an endpoint, milliseconds."""
    rows = (row for run in baseline.runs for row in run.endpoints if row.endpoint == endpoint)
    logs = [value for row in rows if (value := getattr(row, field)) is not None]
    return math.exp(fmean(logs)) if logs else None


def _relative(before: float | None, after: float | None) -> float | None:
    return after / before - 1 if before and after else None
