"""Options that name a scenario or an environment, and may be left out where the project has only one."""

from __future__ import annotations

from typing import Annotated

import typer


def _scenario(name: str) -> str:
    from loadtest.planning.config import the_one
    from loadtest.settings import settings

    return name or the_one(settings().scenarios, "scenario", usual="student_api")


def _environment(name: str) -> str:
    from loadtest.planning.config import the_one
    from loadtest.settings import settings

    return name or the_one(settings().environments, "environment", usual="staging")


Scenario = Annotated[
    str, typer.Option(help="What users do; needed if there are several.", callback=_scenario, show_default=False)
]
Environment = Annotated[
    str, typer.Option(help="Where the load goes; needed if there are several.", callback=_environment, show_default=False)
]
