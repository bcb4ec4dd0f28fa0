"""The report on a terminal: table of endpoints, verdict with reasons, where the files are. Text from outside is printed as
text: no terminal codes, no rich markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.reporting import format
from loadtest.reporting.view import EndpointRow, ReportView
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

MOST_ENDPOINTS = 40
STYLES = {
    Outcome.PASS: "green",
    Outcome.WARN: "yellow",
    Outcome.FAIL: "bold red",
    Outcome.INCONCLUSIVE: "cyan",
    Outcome.INVALID: "bold magenta",
    None: "dim",
}


def print_run(folder: RunFolder, *, console: Console | None = None, outside_s: float | None = None) -> None:
    """Print one finished run. `outside_s`: seconds spent outside the load itself, shown where known."""
    from rich.console import Console

    from loadtest.reporting.inputs import read_run
    from loadtest.reporting.view import build_view

    print_view(build_view(read_run(folder)), console or Console(), folder=folder, outside_s=outside_s)


def print_view(view: ReportView, console: Console, *, folder: RunFolder | None = None, outside_s: float | None = None) -> None:
    from rich.text import Text

    if view.endpoints:
        console.print(endpoint_table(view))
        hidden = len(view.endpoints) - MOST_ENDPOINTS
        if hidden > 0:
            console.print(Text(f"{hidden:,} more endpoints in the report.", "dim"))
    console.print(
        Text.assemble(
            (f"{format.outcome_sign(view.outcome)} {view.outcome_label.upper()}", STYLES[view.outcome]),
            "  ",
            (view.sentence, "bold"),
        )
    )
    for reason in view.reasons:
        console.print(Text(f"  - {reason}"))
    for notice in view.notices + view.missing:
        console.print(Text(f"  ! {notice}", "yellow"))
    for step in view.steps:
        console.print(Text(f"  > {step.title}. {step.next_step}".rstrip()))
        if step.command:
            console.print(Text(f"    {step.command}", "cyan"), soft_wrap=True)
    if folder is not None:
        # not wrapped, so that paths can be copied
        console.print(Text(f"Report      {folder.report}"), soft_wrap=True)
        console.print(Text(f"Run folder  {folder.path}"), soft_wrap=True)
    if outside_s is not None:
        console.print(Text(f"Time outside the load itself: {outside_s:.1f} s"))


def endpoint_table(view: ReportView) -> Table:
    """Per endpoint n, rps, p50, p95, p99, error rate, target, outcome; worst first."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_footer=False, pad_edge=False)
    table.add_column("Endpoint", overflow="fold", min_width=16)
    for heading in ("n", "rps", "p50 ms", "p95 ms", "p99 ms", "errors"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("target", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    for row in view.endpoints[:MOST_ENDPOINTS]:
        table.add_row(*_cells(row))
    if view.total:
        table.add_section()
        table.add_row(*_cells(view.total), style="bold")
    return table


def _cells(row: EndpointRow) -> list[Text]:
    from rich.text import Text

    outcome = f"{format.outcome_sign(row.outcome)} {format.outcome_label(row.outcome)}" if row.outcome else format.NONE
    return [
        Text(row.endpoint),
        Text(format.count(row.n)),
        Text(format.rate(row.rps)),
        Text(format.ms_number(row.p50_ms)),
        Text(format.ms_number(row.p95_ms)),
        Text(format.ms_number(row.p99_ms)),
        Text(format.percent(row.error_rate), "red" if row.error_rate else ""),
        Text(row.targets or format.NONE),
        Text(outcome + (", muted" if row.muted else ""), STYLES[row.outcome]),
    ]
