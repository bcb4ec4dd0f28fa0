"""`loadtest trends`: months of runs at a glance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from loadtest.cli.printing import Format, FormatOption, print_plain


def trends(
    weeks: Annotated[int, typer.Option(min=1, max=520, help="How far to look back.")] = 26,
    scenario: Annotated[str | None, typer.Option(help="Only this scenario.")] = None,
    environment: Annotated[str | None, typer.Option(help="Only this environment.")] = None,
    profile: Annotated[str | None, typer.Option(help="Only this profile.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Per endpoint: getting slower or faster, since when, and which targets no longer fit. Writes trends.html."""
    from loadtest.trends.compute import compute_trends
    from loadtest.trends.report import write_trends
    from loadtest.trends.words import summary_lines

    until = datetime.now(UTC)
    report = compute_trends(
        since=until - timedelta(weeks=weeks), until=until, scenario=scenario, environment=environment, profile=profile
    )
    folder = write_trends(report, part=" ".join(name for name in (scenario, environment, profile) if name))
    if output is Format.JSON:
        print(report.model_dump_json(indent=2))
        return
    for line in summary_lines(report):
        print_plain(line)
    print_plain(f"Written: {folder / 'trends.html'}")
