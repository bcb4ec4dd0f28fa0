"""`loadtest run`: one whole run in the terminal."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Annotated, NoReturn

import psutil
import typer
from rich.console import Console

from loadtest.cli import load_options
from loadtest.cli.interrupts import Interrupts
from loadtest.cli.printing import Format
from loadtest.errors import NotRunError
from loadtest.planning.models import Plan, Trigger, TriggerKind
from loadtest.planning.request import Request
from loadtest.settings import settings


def run(
    profile: load_options.Profile = None,
    environment: load_options.Environment = None,
    scenario: load_options.Scenario = None,
    users: load_options.Users = None,
    spawn_rate: load_options.SpawnRate = None,
    duration: load_options.Duration = None,
    host: load_options.Host = None,
    slowdown: load_options.Slowdown = None,
    argument: Annotated[
        list[str] | None,
        typer.Option(help="name=value, of the Locust file's own parser; may be repeated."),
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only tasks with this tag; may be repeated.")] = None,
    exclude_tag: Annotated[list[str] | None, typer.Option(help="No tasks with this tag; may be repeated.")] = None,
    commit: load_options.Commit = None,
    any_build: Annotated[
        bool, typer.Option("--any-build", help="Measure what runs, also where another commit was asked for.")
    ] = False,
    branch: load_options.Branch = None,
    against: load_options.Against = None,
    reason: Annotated[str, typer.Option(help="Why this run; stands in the report.")] = "",
    strict: load_options.Strict = False,
    dry: Annotated[
        bool,
        typer.Option("--dry-run", help="Each task once, requests and answers shown; nothing is kept. Exits 1 if one failed."),
    ] = False,
    output: Annotated[Format, typer.Option("--format", help="json: the verdict on standard output, nothing else.")] = Format.TEXT,
) -> None:
    """Run a load test: plan, backend, load, analysis, gate, verdict, report.

    Exit codes: 0 pass, 1 fail, 2 usage or not run, 3 invalid; with --strict 4 inconclusive and 5 warn.

    Examples: loadtest run --profile light --reason "new index";
    loadtest run --users 20 --duration 5m --strict;
    loadtest run --dry-run;
    loadtest run --against main
    """
    from loadtest.cli.watch import TerminalWatcher
    from loadtest.pipeline.stages import planned_load_s, run_once
    from loadtest.planning.config import the_one
    from loadtest.planning.request import SIDE_BY_SIDE
    from loadtest.vocabulary import exit_code

    request = Request.of(
        profile=profile if profile is not None else SIDE_BY_SIDE if against else "smoke",
        environment=environment or the_one(settings().environments, "environment", usual="staging"),
        scenario=scenario or the_one(settings().scenarios, "scenario", usual="student_api"),
        users=users,
        spawn_rate=spawn_rate,
        duration_s=duration,
        host=host,
        slowdown=slowdown,
        against=against,
        any_build=any_build,
        arguments=argument,
        tags=tag,
        exclude_tags=exclude_tag,
        trigger=Trigger(kind=TriggerKind.CLI, by=user_name(), reason=reason, commit=commit, branch=branch),
    )
    if dry:
        _show_dry_run(request, output)
    with Interrupts(), TerminalWatcher() as watcher:
        outcome = run_once(request, settings(), watcher=watcher, approve=approve_by_typing)
    if output is Format.JSON:
        print(outcome.verdict.model_dump_json(indent=2))
    else:
        from loadtest.reporting.terminal import print_run

        print_run(outcome.folder)
        wall_s = time.time() - psutil.Process().create_time()
        print(f"Time outside the load: {max(0.0, wall_s - planned_load_s(outcome.folder)):.1f} s of {wall_s:.1f} s")
    for problem in outcome.problems:
        Console(stderr=True).print(f"Not done: {problem}", style="yellow", markup=False)
    sys.exit(exit_code(outcome.verdict.outcome, strict=strict))


def _show_dry_run(request: Request, output: Format) -> NoReturn:
    from loadtest.cli.dry_run import print_rehearsal, succeeded
    from loadtest.cli.watch import TerminalWatcher
    from loadtest.pipeline.dry_run import dry_run

    approve = partial(approve_by_typing, load="each task once")
    with Interrupts(), TerminalWatcher() as watcher:
        seen = dry_run(request, settings(), watcher=watcher, approve=approve)
    if output is Format.JSON:
        print(seen.model_dump_json(indent=2))
    else:
        print_rehearsal(seen)
    sys.exit(0 if succeeded(seen) else 1)


def approve_by_typing(plan: Plan, load: str = "") -> None:
    """A typed confirmation; refused when nobody can type. `load`: how much goes there, if not what the plan says."""
    from loadtest.planning.quantities import format_duration

    name = plan.environment.name
    if not sys.stdin.isatty():
        raise NotRunError(
            f"Environment {name!r} wants a person's approval; run this in a terminal and type its name, "
            "or trigger the DAG load_test and approve it in Airflow."
        )
    load = load or f"{plan.profile.users} users for {format_duration(plan.profile.duration_s)}"
    Console(stderr=True).print(f"Load goes to {plan.base_url} ({name}): {load}.", markup=False)
    if input(f"Type {name} to approve: ").strip() != name:
        raise NotRunError("It was not approved.")


def user_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
