"""After the verdict: history row, then report. Each on its own, so that one that fails hurts no other."""

from __future__ import annotations

from collections.abc import Callable

from loadtest.errors import LoadTestError
from loadtest.run_folder import RunFolder


def publish(folder: RunFolder) -> list[str]:
    """Record the run and write its report; returns in sentences what could not be done. The results are safe before."""
    from loadtest.history.record import record_run

    stages: list[Callable[[RunFolder], object]] = [record_run, write_full_report]
    problems = []
    for stage in stages:
        try:
            stage(folder)
        except (LoadTestError, OSError) as error:
            problems.append(str(error))
    return problems


def write_full_report(folder: RunFolder) -> None:
    """The report with what other rooms know of earlier runs: baseline and trend. Works without either."""
    from loadtest.reporting.report import write_report

    write_report(folder)
