"""The analysis stage: run folder in, `metrics.json`, `analysis.json`, CSV tables and `metrics.prom` out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from loadtest.analysis.csv_files import write_csv_files
from loadtest.analysis.durations import duration_histograms
from loadtest.analysis.exemplars import read_exemplars
from loadtest.analysis.failures import group_failures
from loadtest.analysis.logs import digest_log
from loadtest.analysis.models import Analysis, RunMetrics
from loadtest.analysis.otlp import otlp_is_configured, push_otlp
from loadtest.analysis.prometheus import prometheus_text
from loadtest.analysis.run_metrics import distributions, run_metrics
from loadtest.analysis.samples import SampleFile
from loadtest.analysis.tally import MOST_TIMELINES, Tally, tally
from loadtest.analysis.time_grid import TimeGrid, make_grid, moment
from loadtest.analysis.timeline import endpoint_timelines, run_timeline
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.files import write_bytes
from loadtest.load.models import LoadResult
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder

T = TypeVar("T")


def analyze(folder: RunFolder, *, bin_s: float | None = None, push: bool = True) -> RunMetrics:
    """Analyze one run and write its files, each atomically; returns what `metrics.json` holds.

    `bin_s`: width of the timeline's bins in seconds; None: the narrowest round width with at most 120 bins.
    `push`: send the metrics over OTLP, where a receiver is configured; not for what was measured long ago.
    A run without samples, load or steady phase gives zeros and None, never an error: the gate calls it invalid.
    Raises ConfigurationError only when plan.json is missing or damaged, InfrastructureError when a file cannot be written.
    """
    plan = Plan.read(folder.plan)
    warnings: list[str] = []
    load = _optional(lambda: LoadResult.read(folder.load), warnings)
    file = _optional(lambda: SampleFile(folder.samples), warnings)
    counted: Tally | None = None
    if file is not None and file.rows:
        grid = grid_of(load, file, bin_s)
        counted = _optional(lambda: tally(file, grid), warnings)
    errors = file.errors.all if file else ()
    metrics = run_metrics(plan, load, counted, _base_url(folder))
    fresh = _is_fresh(folder, metrics)
    analysis = _analysis(plan, folder, load, counted, errors, warnings)
    try:
        analysis.write(folder.analysis)
        write_csv_files(folder.stats_csv, folder.failures_csv, counted, errors)
        write_bytes(folder.prometheus, prometheus_text(metrics))
        metrics.write(folder.metrics)  # last: where it is, all are
    except OSError as error:
        raise InfrastructureError(f"The analysis cannot be written to {folder.path}: {error.strerror or error}.") from error
    if push and fresh and otlp_is_configured():
        histograms = _optional(lambda: duration_histograms(file, counted.grid), []) if file and counted else None
        push_otlp(metrics, histograms or ())
    return metrics


def _is_fresh(folder: RunFolder, metrics: RunMetrics) -> bool:
    """Whether this load is analyzed for the first time: receivers of its metrics want them once."""
    before = _optional(lambda: RunMetrics.read(folder.metrics), [])
    return before is None or before.run.ended_at != metrics.run.ended_at


def grid_of(load: LoadResult | None, file: SampleFile, bin_s: float | None) -> TimeGrid:
    """The run's time axis: from load.json, or from the samples when there is none."""
    if load is not None and load.ended_at > load.started_at:
        return make_grid(load.started_at, load.ended_at, load.steady_started_at, load.steady_ended_at, bin_s)
    first_us, last_us = file.time_range_us() or (0, 0)
    return make_grid(moment(first_us), moment(last_us + 1), None, None, bin_s)


def _analysis(
    plan: Plan,
    folder: RunFolder,
    load: LoadResult | None,
    counted: Tally | None,
    errors: tuple[str, ...],
    warnings: list[str],
) -> Analysis:
    groups, omitted = group_failures(counted.failures.raw(), counted.endpoints, errors) if counted else ((), 0)
    exemplars = _optional(lambda: read_exemplars(folder.exemplars), warnings) if folder.exemplars.exists() else ()
    logs = [_optional(partial(digest_log, path, path.name), warnings) for path in (folder.backend_log, folder.locust_log)]
    if counted is not None:
        warnings += _doubts(counted)
    if load is not None and load.grouping_warning:
        warnings.append(load.grouping_warning)
    return Analysis(
        run_id=plan.run_id,
        bin_s=counted.grid.bin_us / 1e6 if counted else 1.0,
        phases=counted.grid.phases() if counted else (),
        timeline=run_timeline(counted) if counted else (),
        endpoint_timelines=endpoint_timelines(counted) if counted else (),
        failures=groups,
        failure_groups_omitted=omitted,
        exemplars=exemplars or (),
        distributions=distributions(counted) if counted else (),
        logs=tuple(log for log in logs if log is not None),
        warnings=tuple(warnings),
    )


def _doubts(counted: Tally) -> list[str]:
    doubts = []
    if counted.grid.steady_us is None:
        doubts.append("The steady phase was never reached: there is nothing to judge.")
    if counted.outside:
        doubts.append(f"{counted.outside} of {int(counted.count.sum())} requests started outside the time of the load.")
    if counted.untimed.any():
        by_endpoint = {counted.endpoints[code]: int(counted.untimed[code]) for code in counted.untimed.nonzero()[0]}
        worst = max(by_endpoint, key=by_endpoint.__getitem__)
        doubts.append(
            f"{sum(by_endpoint.values())} of {int(counted.steady_n.sum())} requests had no possible response time, most of "
            f"them of {worst} ({by_endpoint[worst]}): they count, but in no latency."
        )
    if len(counted.endpoints) > MOST_TIMELINES:
        doubts.append(f"Only the {MOST_TIMELINES} busiest of {len(counted.endpoints)} endpoints have a timeline of their own.")
    return doubts


def _optional(read: Callable[[], T], warnings: list[str]) -> T | None:
    try:
        return read()
    except ConfigurationError as error:
        warnings.append(str(error))
        return None


def _base_url(folder: RunFolder) -> str | None:
    """Where the load went when we started the backend ourselves."""
    from loadtest.backend.models import BackendState

    if not folder.backend_state.exists():
        return None
    return _optional(lambda: BackendState.read(folder.backend_state).base_url, [])
