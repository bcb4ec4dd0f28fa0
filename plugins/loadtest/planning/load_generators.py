"""Machines that send load. Airflow's tasks that share one go to its queue and its pool: the one that needs no name has the pool
`load_generator`; one that an environment names (`load_generator: eu`) has both of its own, `load_generator-eu`."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from loadtest.errors import ConfigurationError
from loadtest.planning.config import known_names, read_yaml
from loadtest.planning.quantities import slug_pattern
from loadtest.settings import Settings

LOAD_POOL = "load_generator"
NAME_VARIABLE = "LOADTEST_LOAD_GENERATOR"  # what a machine is called; empty: the one that needs no name
USUAL_ENVIRONMENT = "staging"


def place_of(load_generator: str | None) -> str:
    """Name of its pool, and where it is named, of its queue."""
    return f"{LOAD_POOL}-{load_generator}" if load_generator else LOAD_POOL


def usual_environment(settings: Settings) -> str:
    """Where load goes when a request does not say; one that is there even where somebody removed our examples."""
    known = known_names(settings.environments)
    return USUAL_ENVIRONMENT if USUAL_ENVIRONMENT in known or not known else known[0]


def load_generator_of(settings: Settings, environment: str | None, schedule: str | None = None) -> str | None:
    """What the schedule's file names, or else that of the environment (None: the schedule's); None where they name nothing, or
    cannot be read, which their run will be told."""
    named = _named_in(settings.schedules, schedule, "load_generator") if schedule else None
    if named is None:
        place = (
            environment or (schedule and _named_in(settings.schedules, schedule, "environment")) or usual_environment(settings)
        )
        named = _named_in(settings.environments, place, "load_generator")
    return named


def named_load_generators(settings: Settings) -> list[str]:
    """All that any environment or schedule names, in order."""
    places = (settings.environments, settings.schedules)
    named = {_named_in(folder, name, "load_generator") for folder in places for name in known_names(folder)}
    return sorted(name for name in named if name)


def _named_in(folder: Path, name: str, key: str) -> str | None:
    if not re.fullmatch(slug_pattern, name):
        return None
    named = None
    with contextlib.suppress(ConfigurationError, OSError):
        named = read_yaml(folder / f"{name}.yaml").get(key)
    return named if isinstance(named, str) and re.fullmatch(slug_pattern, named) else None


def check_load_generator(wanted: str | None) -> None:
    """Raises ConfigurationError on a machine that is another load generator than the environment names."""
    here = os.environ.get(NAME_VARIABLE) or None
    if wanted != here:
        raise ConfigurationError(
            f"The environment wants its load sent from {_described(wanted)}, and this machine is {_described(here)}: a worker of "
            f"queue {place_of(wanted)!r} has {NAME_VARIABLE}={wanted or ''}, and loadtest is installed where Airflow's scheduler "
            "runs (docs/airflow.md)."
        )


def _described(load_generator: str | None) -> str:
    return f"load generator {load_generator!r}" if load_generator else "the load generator without a name"
