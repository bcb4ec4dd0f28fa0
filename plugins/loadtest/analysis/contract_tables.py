"""What the data contract looks at, as three small tables: the run as a whole, its metrics, and a view of its samples."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtest.analysis.models import EndpointMetrics, RunMetrics
from loadtest.analysis.samples import OPTIONAL, REQUIRED, SampleFile
from loadtest.analysis.time_grid import microseconds
from loadtest.load.models import LoadResult

if TYPE_CHECKING:
    import pandas as pd

VIEW_ROWS = 50_000
LATENCIES = ("min_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms")
_UNSAFE = re.compile(r"[^A-Za-z0-9 /{}._:()-]")


@dataclass(frozen=True)
class ContractTables:
    """`run`: one row of facts; `metrics`: one row per endpoint and the total; `samples`: at most VIEW_ROWS rows,
    taken evenly from the whole file. Names from outside are made harmless: these tables end up in HTML."""

    run: pd.DataFrame
    metrics: pd.DataFrame
    samples: pd.DataFrame


def build_tables(load: LoadResult, metrics: RunMetrics, file: SampleFile) -> ContractTables:
    """Raises ConfigurationError when a page of the samples is damaged."""
    import pandas as pd

    view, seen = _view(file, load)
    return ContractTables(
        run=pd.DataFrame([_run_facts(load, metrics, file, seen)]),
        metrics=pd.DataFrame([_metric_row(one) for one in (*metrics.endpoints, metrics.total)]),
        samples=view,
    )


def harmless(name: str) -> str:
    """Characters that could mean something to HTML or a terminal become `?`; at most 120 are kept."""
    return _UNSAFE.sub("?", name[:120])


@dataclass
class _Seen:
    """Facts of every row of the file, not only of the view."""

    rows: int = 0
    missing_cells: int = 0
    first_us: int | None = None
    last_us: int | None = None


def _view(file: SampleFile, load: LoadResult) -> tuple[pd.DataFrame, _Seen]:
    import pandas as pd

    seen = _Seen(missing_cells=file.count_missing())
    step = max(1, -(-file.rows // VIEW_ROWS))
    parts: list[dict[str, Any]] = []
    started_us = microseconds(load.started_at)
    for chunk in file.chunks(("start_us", "latency_us", "endpoint", "error", "status")):
        first, last = int(chunk.start_us.min()), int(chunk.start_us.max())
        seen.first_us = first if seen.first_us is None else min(seen.first_us, first)
        seen.last_us = last if seen.last_us is None else max(seen.last_us, last)
        chosen = slice(-seen.rows % step, None, step)
        seen.rows += chunk.n
        parts.append(
            {
                "start_s": (chunk.start_us[chosen] - started_us) / 1e6,
                "latency_ms": np.where(chunk.timed[chosen], chunk.latency_us[chosen] / 1000, np.nan),
                "endpoint": chunk.endpoint[chosen],
                "failed": chunk.failed[chosen],
                "status": chunk.status[chosen],
            }
        )
    columns = ("start_s", "latency_ms", "endpoint", "failed", "status")
    joined: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) if parts else [] for name in columns}
    names = [harmless(name) for name in file.endpoints]
    joined["endpoint"] = [names[code] for code in joined["endpoint"]]
    return pd.DataFrame(joined), seen


def _run_facts(load: LoadResult, metrics: RunMetrics, file: SampleFile, seen: _Seen) -> dict[str, Any]:
    started_us, ended_us = microseconds(load.started_at), microseconds(load.ended_at)
    ran_s = (ended_us - started_us) / 1e6
    steady_end = load.steady_ended_at or load.ended_at
    return {
        "samples_in_file": seen.rows,
        "samples_reported": load.samples,
        "columns_missing": sum(name not in file.columns for name in (*REQUIRED, *OPTIONAL)),
        "missing_cells": seen.missing_cells,
        "torn_records": load.torn_records,
        "processes": max(1, len(load.workers)),
        "first_start_s": (seen.first_us - started_us) / 1e6 if seen.first_us is not None else None,
        "last_start_before_end_s": (ended_us - seen.last_us) / 1e6 if seen.last_us is not None else None,
        "ran_share_of_plan": ran_s / load.planned_duration_s if load.planned_duration_s > 0 else None,
        "steady_s": (steady_end - load.steady_started_at).total_seconds() if load.steady_started_at else 0.0,
        "users_reached": load.reached_users,
        "users_planned": load.planned_users,
        "arrivals_share_of_plan": load.arrivals.started / max(1, load.arrivals.planned) if load.arrivals else 0.0,
        "steady_requests": metrics.total.n,
        "endpoint_requests": sum(endpoint.n for endpoint in metrics.endpoints),
        "endpoints": len(metrics.endpoints),
        "endpoint_names": len({endpoint.endpoint for endpoint in metrics.endpoints}),
    }


def _metric_row(endpoint: EndpointMetrics) -> dict[str, Any]:
    row: dict[str, Any] = {
        "endpoint": harmless(endpoint.endpoint),
        "n": endpoint.n,
        "errors": endpoint.errors,
        "successes": endpoint.n - endpoint.errors,
        "error_rate": endpoint.error_rate,
        "rps": endpoint.rps,
        "mean_ms": endpoint.mean_ms,
        # a sum of floats may leave the range of its terms by a rounding error
        "mean_lower_ms": endpoint.mean_ms * (1 - 1e-9) if endpoint.mean_ms is not None else None,
        "mean_upper_ms": endpoint.mean_ms * (1 + 1e-9) if endpoint.mean_ms is not None else None,
        **{name: getattr(endpoint, name) for name in LATENCIES},
        "server_p50_above_p95": sum(part.p50_ms > part.p95_ms for part in endpoint.server),
        "latencies": sum(getattr(endpoint, name) is not None for name in LATENCIES),
        # those without a time may be all of the successes, or failures
        "latencies_expected": len(LATENCIES)
        if endpoint.successes and (not endpoint.untimed or endpoint.p50_ms is not None)
        else 0,
    }
    return {name: np.nan if value is None else value for name, value in row.items()}
