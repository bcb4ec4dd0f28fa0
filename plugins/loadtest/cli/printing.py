"""What the commands print: for people or for programs, and never what a terminal would obey."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer


class Format(StrEnum):
    """How a command writes its answer: for people or for programs."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="json: for programs, on standard output.")]


def print_plain(text: str, *, error: bool = False) -> None:
    """Text from outside: control characters (a terminal would obey them) become visible, nothing is taken as markup."""
    visible = "".join(letter if letter.isprintable() or letter == "\n" else f"\\x{ord(letter):02x}" for letter in text)
    print(visible, file=sys.stderr if error else sys.stdout)


def print_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table of texts from outside; where nobody watches it is wide enough for programs that read lines."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*titles, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text("".join(letter if letter.isprintable() else "\ufffd" for letter in cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 180).print(table)
