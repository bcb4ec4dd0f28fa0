"""`loadtest compare`: two runs beside each other."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.errors import ConfigurationError

if TYPE_CHECKING:
    from loadtest.comparing.models import RunComparison
    from loadtest.comparing.sides import Side

EXIT_SLOWER = 1
EXIT_NOT_COMPARABLE = 3


class ComparisonFormat(StrEnum):
    """How `loadtest compare` writes its answer."""

    TEXT = "text"
    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"


def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A run folder, a run id, 'latest', or a build: its commit or version.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="The same; the changes are those of B against A.")],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Show changes, marked, also where the runs are not comparable.")
    ] = False,
    output_format: Annotated[ComparisonFormat, typer.Option("--format", help="html has the charts.")] = ComparisonFormat.TEXT,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; default: standard output.")] = None,
) -> None:
    """Compare two runs: what was planned differently, and each endpoint's change with its interval.

    Exit codes: 0 nothing is surely slower, 1 something is, 2 usage or no such run, 3 not comparable.

    Examples: loadtest compare 20261120t020003-93c1 latest;
    loadtest compare v1.4.0 v1.5.0 --format html --output comparison.html
    """
    from loadtest.comparing.compare import compare_runs
    from loadtest.comparing.models import Standing
    from loadtest.comparing.terminal import print_comparison

    comparison, sides = compare_runs(first, second, anyway=anyway)
    if output_format is ComparisonFormat.TEXT and output is None:
        print_comparison(comparison)
    else:
        _write(_rendered(output_format, comparison, sides), output)
    if not comparison.comparable and not anyway:
        sys.exit(EXIT_NOT_COMPARABLE)
    if comparison.comparable and (
        comparison.with_standing(Standing.SLOWER) or any(row.errors_risen for row in comparison.endpoints)
    ):
        sys.exit(EXIT_SLOWER)


def _rendered(output_format: ComparisonFormat, comparison: RunComparison, sides: tuple[Side, Side]) -> str:
    from loadtest.comparing.markdown import render_markdown
    from loadtest.comparing.page import render_html
    from loadtest.comparing.terminal import comparison_text

    if output_format is ComparisonFormat.HTML:
        return render_html(comparison, sides)
    if output_format is ComparisonFormat.MARKDOWN:
        return render_markdown(comparison)
    return comparison.model_dump_json(indent=2) + "\n" if output_format is ComparisonFormat.JSON else comparison_text(comparison)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    from loadtest.files import write_text

    try:
        write_text(output, text)
    except OSError as error:
        raise ConfigurationError(f"{output} cannot be written: {error.strerror}; choose another place.") from None
    print(f"Written: {output}", file=sys.stderr)
