"""Write a run's report: report.html, summary.md, junit.xml, verdict.prom. Each alone: one that fails costs no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from loadtest import files
from loadtest.errors import LoadTestError
from loadtest.gate.records.summaries import RunSummary
from loadtest.reporting.inputs import EndpointTrend, RunFiles, read_run
from loadtest.reporting.records import ReportView
from loadtest.reporting.view import build_view
from loadtest.run_folder import RunFolder

log = logging.getLogger(__name__)


class ReportError(LoadTestError):
    """Some parts of the report could not be written; the message names them. The others are there."""


def write_report(
    folder: RunFolder, *, baseline: Sequence[RunSummary] | None = None, trend: Sequence[EndpointTrend] | None = None
) -> None:
    """Write the report of a run, whatever there is of it; the same files give the same bytes.

    `baseline`: the runs it was compared with, for charts. `trend`: earlier runs, one EndpointTrend per endpoint. Raises
    ReportError after everything was tried, if a part could not be written.
    """
    run = read_run(folder, baseline=baseline, trend=trend)
    view = build_view(run)
    parts = (
        ("report.html", _write_html),
        ("summary.md", _write_summary),
        ("junit.xml", _write_junit),
        ("verdict.prom", _write_verdict_prom),
    )
    failed = []
    for name, write in parts:
        problem = _attempt(write, folder, view, run)
        if problem:
            log.error("%s could not be written: %s", name, problem)
            failed.append(f"{name} ({problem})")
    if failed:
        raise ReportError(
            f"{' and '.join(failed)} of run {run.run_id} could not be written; see the log, then run loadtest report again."
        )


Part = Callable[[RunFolder, ReportView, RunFiles], None]


def _attempt(write: Part, folder: RunFolder, view: ReportView, run: RunFiles) -> str:
    """Empty, or what went wrong. Catches everything: a mistake in one renderer must not cost the other files."""
    try:
        write(folder, view, run)
    except Exception as error:
        log.debug("report part failed", exc_info=True)
        return f"{type(error).__name__}: {error}"
    return ""


def _write_html(folder: RunFolder, view: ReportView, run: RunFiles) -> None:
    from loadtest.reporting.html import render_report

    text = render_report(view, run)
    files.write_text(folder.report, text)
    files.write_text(folder.locust_style_report, text)


def _write_summary(folder: RunFolder, view: ReportView, run: RunFiles) -> None:
    from loadtest.reporting.markdown import render_summary

    files.write_text(folder.summary, render_summary(view))


def _write_junit(folder: RunFolder, view: ReportView, run: RunFiles) -> None:
    from loadtest.reporting.junit import render_junit

    files.write_bytes(folder.junit, render_junit(run))


def _write_verdict_prom(folder: RunFolder, view: ReportView, run: RunFiles) -> None:
    from loadtest.reporting.verdict_prom import render_verdict_prom

    files.write_bytes(folder.path / "verdict.prom", render_verdict_prom(run))
