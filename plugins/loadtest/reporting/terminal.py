"""The report on a terminal: table of endpoints, verdict with reasons, where the files are. Text from outside is printed as
text: no terminal codes, no rich markup."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from loadtest import wording
from loadtest.reporting import format
from loadtest.reporting.escape import shorten_endpoints
from loadtest.reporting.records import CapacityView, EndpointRow, ReportView
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

MOST_ENDPOINTS = 40
MOST_LINES = 8
LOG_WIDTH = 140  # where nobody looks at a screen, such as a CI log, nothing needs to be shortened
WIDE = 110
NARROW_TARGET = 12
LEAST_NAME = 18
HEADINGS = ("n", "rps", "p50", "p95", "p99", "errors", "target", "outcome")
CAPTION = "latencies in ms"
STYLES = {
    Outcome.PASS: "green",
    Outcome.WARN: "yellow",
    Outcome.FAIL: "bold red",
    Outcome.INCONCLUSIVE: "cyan",
    Outcome.INVALID: "bold magenta",
    None: "dim",
}


def print_run(folder: RunFolder, *, console: Console | None = None) -> None:
    """Print one finished run."""
    print_view(_view_of(folder), console or run_console(), folder=folder)


def print_endpoints(folder: RunFolder, targets: dict[str, str]) -> None:
    """Only what was measured, beside targets that nobody has judged by yet (texts by endpoint)."""
    view = _view_of(folder)
    rows = tuple(replace(row, targets=targets.get(row.endpoint, "")) for row in view.endpoints)
    console = run_console()
    console.print(endpoint_table(replace(view, endpoints=rows), console.width))


def _view_of(folder: RunFolder) -> ReportView:
    from loadtest.reporting.inputs import read_run
    from loadtest.reporting.view import build_view

    return build_view(read_run(folder))


def run_console() -> Console:
    from rich.console import Console

    watched = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if watched else LOG_WIDTH)


def print_view(view: ReportView, console: Console, *, folder: RunFolder | None = None) -> None:
    from rich.text import Text

    if view.capacity:
        console.print(_capacity_table(view.capacity))
        console.print()
    if view.endpoints:
        console.print(endpoint_table(view, console.width))
        hidden = len(view.endpoints) - MOST_ENDPOINTS
        if hidden > 0:
            console.print(Text(f"{hidden:,} more endpoints in the report.", "dim"))
        console.print()
    outcome = f"{format.outcome_sign(view.outcome)} {view.outcome_label.upper()}"
    console.print(Text.assemble((outcome, STYLES[view.outcome]), "  ", (view.sentence, "bold")))
    for row in view.slower[:MOST_LINES]:
        console.print(list_item(format.outcome_sign(row.outcome), row.short, STYLES[row.outcome]))
    others = [
        f"{format.outcome_label(item.outcome)}: {item.sentence}" for item in view.findings if not item.in_rows and not item.muted
    ]
    for line in (*view.reasons, *others)[:MOST_LINES]:
        console.print(list_item("-", line))
    hidden = max(0, len(view.slower) - MOST_LINES) + max(0, len(view.reasons) + len(others) - MOST_LINES)
    if hidden:
        console.print(list_item("-", f"{wording.plural(hidden, 'more finding')} in the report."))
    if view.undecided:
        console.print(list_item("?", f"{len(view.undecided):,} undecided: too little evidence either way.", "dim"))
    for notice in view.notices + view.missing:
        console.print(list_item("!", notice, "yellow"))
    for step in view.steps:
        console.print(list_item(">", f"{step.title} {step.next_step}".rstrip()))
        if step.command:
            console.print(Text(f"    {wording.as_called(step.command)}", "cyan"), soft_wrap=True)
    if folder is not None:
        # not wrapped, so that paths can be copied
        if folder.report.exists():
            console.print(Text(f"Report      {folder.report}"), soft_wrap=True)
        console.print(Text(f"Run folder  {folder.path}"), soft_wrap=True)


def list_item(sign: str, text: str, style: str = "") -> Table:
    """One line of a list, its continuation indented."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(f"  {sign}", style), Text(text, style))
    return grid


def endpoint_table(view: ReportView, width: int) -> Table:
    """Per endpoint n, rps, p50, p95, p99, error rate, target, outcome; worst first.

    Fits `width` columns, 80 or more: names that do not fit keep their ends.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = [*view.endpoints[:MOST_ENDPOINTS], *([view.total] if view.total else [])]
    cells = [_cells(row) for row in rows]
    target_width = max(len("target"), *(len(row[6]) for row in cells)) if width >= WIDE else NARROW_TARGET
    others = sum(max(len(heading), *(len(row[index]) for row in cells)) for index, heading in enumerate(HEADINGS) if index != 6)
    name_width = max(LEAST_NAME, width - others - target_width - 2 * len(HEADINGS))
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), caption=_caption(view), caption_justify="left"
    )
    table.add_column("Endpoint", overflow="fold", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in ("target", "outcome") else "right", no_wrap=heading != "target")
    table.columns[7].width = target_width
    names = shorten_endpoints([row.endpoint for row in rows], name_width)
    for number, (row, name, texts) in enumerate(zip(rows, names, cells, strict=True)):
        if row is view.total and number:
            table.add_section()
        table.add_row(Text(name), *texts, style="bold" if row is view.total else None)
    return table


def _caption(view: ReportView) -> str:
    if view.total is None or not view.large_answers:
        return CAPTION
    return f"{CAPTION}; {wording.rate(view.total.mb_per_s)} MB/s of answers"


def _capacity_table(capacity: CapacityView) -> Table:
    """The loads that a search tried, in how many steps each held, and medians over them."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    caption = f"deciding: {capacity.deciding}; p95 of all requests, ms"
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, caption=caption, caption_justify="left")
    for heading in ("Users", "held", "deciding", "p95", "errors", "rps"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in capacity.rows:
        numbers = (wording.ms_number(row.p95_ms), wording.percent(row.error_rate), wording.rate(row.rps))
        texts = [wording.number(row.users), row.held, row.deciding, *numbers]
        table.add_row(*(Text(text) for text in texts), style=None if row.all_held else "yellow")
    return table


def _cells(row: EndpointRow) -> list[Text]:
    from rich.text import Text

    outcome = f"{format.outcome_sign(row.outcome)} {format.outcome_label(row.outcome)}" if row.outcome else wording.NONE
    return [
        Text(wording.number(row.n)),
        Text(wording.rate(row.rps or None)),  # requests at no rate: an import that tells no duration
        Text(wording.ms_number(row.p50_ms)),
        Text(wording.ms_number(row.p95_ms)),
        Text(wording.ms_number(row.p99_ms)),
        Text(wording.percent(row.error_rate), "red" if row.error_rate else ""),
        Text(row.targets.replace(" ms", "").replace("error rate", "errors") or wording.NONE),
        Text(outcome + (", muted" if row.muted else ""), STYLES[row.outcome]),
    ]
