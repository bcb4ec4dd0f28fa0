"""`loadtest validate`: everything that can be known without sending load, for an editor, pre-commit and CI."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.cli.printing import Format, FormatOption, print_plain
from loadtest.errors import EXIT_USAGE, ConfigurationError
from loadtest.settings import settings

if TYPE_CHECKING:
    from loadtest.planning.validation import Problem


class What(StrEnum):
    """The kinds of files that `loadtest validate` can be limited to."""

    ALL = "all"
    SCENARIO = "scenario"
    ENVIRONMENT = "environment"
    PROFILE = "profile"
    SCHEDULE = "schedule"


def validate(
    what: Annotated[What, typer.Argument(help="What to look at.")] = What.ALL,
    name: Annotated[str | None, typer.Argument(help="Only the one of this name.")] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Check the project's files: all problems at once, with file and line. Exits 2 if there are any.

    Locust loads each scenario whose files are sound; no request is sent.
    """
    from loadtest.load.control.scenario_check import check_scenario
    from loadtest.planning.config import known_names, profile_names
    from loadtest.planning.validation import (
        criteria_problems,
        environment_problems,
        profile_problems,
        scenario_problems,
        schedule_problems,
    )

    places = settings()
    if what is What.ALL and name is not None:
        raise ConfigurationError("Say what is to be validated before its name: scenario, environment, profile or schedule.")
    problems: list[Problem] = []
    looked_at = []
    if what in (What.ALL, What.SCENARIO) and places.criteria.exists():
        looked_at.append(places.criteria.name)
        problems += criteria_problems(places)
    for kind, names, check in (
        (What.PROFILE, profile_names(places), lambda one: profile_problems(places, one)),
        (What.ENVIRONMENT, known_names(places.environments), lambda one: environment_problems(places, one)),
        (What.SCENARIO, known_names(places.scenarios), lambda one: scenario_problems(places, one, check_scenario)),
        (What.SCHEDULE, known_names(places.schedules), lambda one: schedule_problems(places, one)),
    ):
        if what not in (What.ALL, kind):
            continue
        if name is not None and name not in names:
            raise ConfigurationError(f"Unknown {kind} {name[:60]!r}; known are: {', '.join(names) or 'none'}.")
        for one in [name] if name is not None else names:
            looked_at.append(f"{kind} {one}")
            problems += check(one)
    if output is Format.JSON:
        print(json.dumps([asdict(problem) for problem in problems], indent=2))
    else:
        for problem in problems:
            print_plain(str(problem))
        if not problems:
            print(f"{len(looked_at)} looked at, no problems: {', '.join(looked_at)}")
    if problems:
        sys.exit(EXIT_USAGE)
