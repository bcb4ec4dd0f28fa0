"""The options that say which load test to run: `loadtest run` and `loadtest airflow run` have them in common."""

from __future__ import annotations

from typing import Annotated

import typer

Profile = Annotated[
    str | None, typer.Option(help="How much load; see: loadtest profiles. Default: smoke, with --against side_by_side.")
]
Environment = Annotated[str | None, typer.Option(help="Where the load goes; needed if there are several.")]
Scenario = Annotated[str | None, typer.Option(help="What users do; needed if there are several.")]
Users = Annotated[str | None, typer.Option(help="Instead of the profile's number.")]
SpawnRate = Annotated[str | None, typer.Option(help="Users started per second, instead of the profile's.")]
Duration = Annotated[str | None, typer.Option(help="Instead of the profile's: 30s, 5m, 1h30m.")]
Host = Annotated[str | None, typer.Option(help="A double-check: refused unless it is the environment's host.")]
Slowdown = Annotated[str | None, typer.Option(help="Slow endpoints down: 'GET /api/v1/courses=+400ms'.")]
Commit = Annotated[str | None, typer.Option(help="The code under test: it is built, or must be what runs.")]
Branch = Annotated[str | None, typer.Option(help="The branch of the commit.")]
Against = Annotated[
    str | None, typer.Option(help="Compare side by side with the build of this branch, tag or commit, or merge-base.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 4 for inconclusive and 5 for warn instead of 0.")]
