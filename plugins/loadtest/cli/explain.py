"""`loadtest explain`: the reasoning behind a run's verdict, with all numbers."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

MOST_CHARACTERS = 2_000_000


def explain(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a run id, or 'latest'.")],
    endpoint: Annotated[str | None, typer.Argument(help="Only this endpoint, such as 'GET /api/v1/courses'.")] = None,
) -> None:
    """Why the run ended as it did: each finding with its numbers, and the smallest change the run could have seen."""
    from rich.console import Console

    from loadtest.gate.explain import explain as explain_folder
    from loadtest.history.folders import find_run
    from loadtest.reporting.escape import plain_block

    text = plain_block(explain_folder(find_run(run), endpoint), limit=MOST_CHARACTERS)
    Console(width=None if sys.stdout.isatty() else 160).print(text, markup=False, highlight=False, soft_wrap=True)
