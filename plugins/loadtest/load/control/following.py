"""The progress of a run for those who only look on: terminal, task log, dashboard."""

from __future__ import annotations

from loadtest.errors import ConfigurationError, LoadTestError
from loadtest.load.control.run import find_live_load, read_progress
from loadtest.load.models import Progress
from loadtest.planning.quantities import format_duration
from loadtest.run_folder import RunFolder


def current_progress(folder: RunFolder) -> Progress | None:
    """Of the load that runs on this host, else the newest attempt's copy in the run folder; None when there is none.

    The copy is what another host sees: it is a few seconds old.
    """
    try:
        live = find_live_load(folder)
        if live is not None:
            return read_progress(live)
    except LoadTestError:
        pass  # it runs on another machine
    attempts = folder.attempts()
    if not attempts or attempts[-1].load.exists() or not attempts[-1].progress.exists():
        return None
    try:
        return Progress.read(attempts[-1].progress)
    except ConfigurationError:
        return None


def progress_line(progress: Progress) -> str:
    """Elapsed and remaining time, users, requests, rate, p95 and failures in one line of plain text."""
    p95 = f"{progress.p95_ms:.0f} ms" if progress.p95_ms is not None else "-"
    parts = [
        f"{format_duration(progress.elapsed_s)} (remaining {format_duration(max(0, progress.remaining_s))})",
        f"{progress.users} users",
        f"{progress.requests:,} requests",
        f"{progress.rps:.1f} rps",
        f"p95 {p95}",
        f"{progress.failures:,} failures",
    ]
    return ", ".join(parts) + "".join(f"; {warning}" for warning in progress.warnings[:2])
