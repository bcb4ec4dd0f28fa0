"""A comparison on a terminal of 80 columns or more, and in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest import wording
from loadtest.comparing import words
from loadtest.comparing.models import EndpointComparison, RunComparison, Standing
from loadtest.reporting.escape import shorten_endpoints

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MOST_ENDPOINTS = 40
STYLES = {
    Standing.SLOWER: "bold red",
    Standing.MAYBE_SLOWER: "yellow",
    Standing.FASTER: "bold green",
    Standing.MAYBE_FASTER: "green",
    Standing.NOT_COMPARED: "dim",
}
LEAST_NAME = 18


def comparison_text(comparison: RunComparison) -> str:
    """The same for a file."""
    from io import StringIO

    from rich.console import Console

    from loadtest.reporting.terminal import LOG_WIDTH

    stream = StringIO()
    print_comparison(comparison, Console(file=stream, width=LOG_WIDTH))
    return stream.getvalue()


def print_comparison(comparison: RunComparison, console: Console | None = None) -> None:
    from rich.text import Text

    from loadtest.reporting.terminal import list_item, run_console

    console = console or run_console()
    for name, side in (("A", comparison.first), ("B", comparison.second)):
        console.print(list_item("", words.side(name, side)))
    for one in comparison.differences:
        console.print(list_item("≠" if one.matters else "·", words.difference(one), "yellow" if one.matters else "dim"))
    if not comparison.differences:
        console.print(list_item("·", "The same plan, host class and build.", "dim"))
    console.print()
    if comparison.endpoints:
        console.print(_table(comparison, console.width))
        hidden = len(comparison.endpoints) - MOST_ENDPOINTS
        if hidden > 0:
            console.print(Text(f"{hidden:,} more endpoints with --format html or json.", "dim"))
        console.print()
    console.print(Text(comparison.sentence, "bold"))
    for reason in comparison.reasons:
        console.print(list_item("≠", reason, "yellow"))
    lines = [words.shared(comparison), words.honesty(comparison), *comparison.notes, *_alone(comparison)]
    for line in filter(None, lines):
        console.print(list_item("-", wording.as_called(line)))
    if advice := words.advice(comparison):
        console.print(list_item(">", wording.as_called(advice)))


def _alone(comparison: RunComparison) -> list[str]:
    found = (("A", comparison.only_first), ("B", comparison.only_second))
    return [f"Only in {name}: {wording.listing(names, 5)}." for name, names in found if names]


def _table(comparison: RunComparison, width: int) -> Table:
    """Two or three lines per endpoint, one per metric; names that do not fit keep their ends."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = comparison.endpoints[:MOST_ENDPOINTS]
    effects = comparison.has_effects
    rows: list[tuple[EndpointComparison | None, Standing, list[str]]] = []
    for row in shown:
        told = words.telling(row)
        if not told:
            rows.append((row, Standing.NOT_COMPARED, ["", "", "", *(["", ""] if effects else []), "– too few"]))
        for number, change in enumerate(told):
            cells = [
                words.SHORT_METRICS.get(change.metric, wording.metric_label(change.metric)),
                words.value(change.metric, change.first),
                words.value(change.metric, change.second),
            ]
            if effects:
                cells += [wording.change(change.effect), wording.change_interval(change.interval)]
            says = f"{words.SIGNS[change.standing]} {words.LABELS[change.standing]}" if effects else ""
            if row.errors_risen and not number:
                says = "▲ more errors"
            cells.append(says)
            rows.append((row if not number else None, change.standing, cells))
    headings = ["", "A", "B", *(["change", "90 % interval"] if effects else []), ""]
    taken = sum(max([len(heading), *(len(cells[index]) for _, _, cells in rows)]) + 2 for index, heading in enumerate(headings))
    names = iter(shorten_endpoints([row.endpoint for row in shown], max(LEAST_NAME, width - taken - 1)))
    marked = ", NOT COMPARABLE" if comparison.reasons else ""
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), caption=f"milliseconds{marked}",
        caption_justify="left",
    )  # fmt: skip
    table.add_column("Endpoint", no_wrap=True)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number in (0, len(headings) - 1) else "right", no_wrap=True)
    for first, standing, cells in rows:
        style = STYLES.get(standing, "")
        table.add_row(Text(next(names) if first else ""), *(Text(cell, style) for cell in cells))
    return table
