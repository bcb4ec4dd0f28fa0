"""`loadtest bisect`: which commit made it slower."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from loadtest.cli.interrupts import Interrupts
from loadtest.planning.models import Trigger, TriggerKind
from loadtest.settings import settings


def bisect(
    good: Annotated[str, typer.Argument(help="A branch, tag or commit that was still fast.", show_default=False)],
    bad: Annotated[str, typer.Argument(help="A later one that is slower.", show_default=False)],
    endpoint: Annotated[str | None, typer.Option(help="Only this one counts, such as 'GET /api/v1/courses'.")] = None,
    environment: Annotated[str | None, typer.Option(help="One that makes builds; needed if there are several.")] = None,
    scenario: Annotated[str | None, typer.Option(help="What users do; needed if there are several.")] = None,
    profile: Annotated[str, typer.Option(help="How much load for each comparison.")] = "side_by_side",
    users: Annotated[str | None, typer.Option(help="Instead of the profile's number.")] = None,
    duration: Annotated[str | None, typer.Option(help="Instead of the profile's: 3m.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what earlier comparisons of this search found.")] = False,
) -> None:
    """Find the commit that made it slower, by comparisons side by side.

    Says first how many it will take. Interrupted, the same command goes on where it stopped. Exit codes: 0 found, 1 not found,
    2 not run.
    """
    from loadtest.cli.run import user_name
    from loadtest.cli.watch import TerminalWatcher
    from loadtest.pipeline.bisect import Search
    from loadtest.planning.config import the_one
    from loadtest.planning.request import Request

    request = Request.of(
        profile=profile,
        environment=environment or the_one(settings().environments, "environment", usual="staging"),
        scenario=scenario or the_one(settings().scenarios, "scenario", usual="student_api"),
        users=users,
        duration_s=duration,
        trigger=Trigger(kind=TriggerKind.CLI, by=user_name()),
    )
    with Interrupts(), TerminalWatcher() as watcher:
        search = Search(request, good, bad, endpoint, settings(), watcher, lambda text: print(text, flush=True))
        if fresh:
            search.forget()
        print(search.announcement, flush=True)
        found = search.run()
    if found.commit is not None and found.check is not None:
        print(f"Found: {found.commit.commit}\n  {found.commit.author}: {found.commit.subject}\n  {found.check.sentence}")
        return
    if found.left:
        print(f"It is one of {len(found.left)} commits, of which the others could not be measured:")
        for one in found.left:
            print(f"  {one.commit[:10]} {one.author}: {one.subject}")
    elif found.check is not None:
        print(
            f"Not found: {found.check.commit[:10]} is not slower than the commit before it ({found.check.sentence}). Several "
            "small steps may add up; a longer --duration sees smaller ones."
        )
    sys.exit(1)
