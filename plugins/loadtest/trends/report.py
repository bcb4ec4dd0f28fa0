"""`trends.html`, `trends.json` and `trends.txt`, kept under `<runs root>/_trends/<YYYY-MM>/` like any report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from upath import UPath

from loadtest.files import write_text
from loadtest.planning.quantities import slugify
from loadtest.settings import settings
from loadtest.trends.models import Direction, TrendsReport
from loadtest.trends.words import headline, slope_words, summary_lines, too_few_words, worst_first

FOLDER = "_trends"
_TEMPLATES = Path(__file__).parent / "templates"
_MARKS = {Direction.DEGRADING: "fail", Direction.IMPROVING: "pass"}


def write_trends(report: TrendsReport, *, part: str = "") -> UPath:
    """Write the three files and return their folder; a report of the same month is replaced. `part`: of what the report
    is a part, so that it does not replace the month's whole one."""
    name = f"{report.month}-{slugify(part)}" if part else report.month
    folder = UPath(settings().runs_root) / FOLDER / name
    report.write(folder / "trends.json")
    write_text(folder / "trends.txt", "\n".join(summary_lines(report)) + "\n")
    write_text(folder / "trends.html", render_trends(report))
    return folder


def render_trends(report: TrendsReport) -> str:
    """One self-contained page, in the shell of the run report."""
    from loadtest.reporting.html import render_page
    from loadtest.trends.charts import trend_charts

    readable = readable_report(report)
    told = [series for series in readable.series if not series.tells_nothing]
    context = {
        "report": readable,
        "headline": headline(readable.series),
        "slope_words": slope_words,
        "too_few_words": too_few_words,
        "too_few": Direction.TOO_FEW,
        "numbers": {series.title: number for number, series in enumerate(readable.series)},
        "order": {direction: rank for rank, direction in enumerate(Direction)},
        "marks": {direction: _MARKS.get(direction, "none") for direction in Direction},
    }
    title = f"Load test trends {report.month}"
    return render_page(title, "trends.html.j2", context, trend_charts(told or readable.series), templates=_TEMPLATES)


def readable_report(report: TrendsReport) -> TrendsReport:
    """The worst series first, and every text without what a reader cannot see (control and direction characters)."""
    series = tuple(sorted(report.series, key=worst_first))
    return TrendsReport.model_validate(_plain(report.model_copy(update={"series": series}).model_dump()))


def _plain(value: Any) -> Any:
    from loadtest.reporting.escape import plain

    if isinstance(value, str) and not isinstance(value, Direction):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
