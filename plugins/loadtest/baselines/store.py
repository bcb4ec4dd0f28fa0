"""Where baselines are: read, matched with a plan, and replaced one writer at a time.

Two places: `include/baselines/` in git, which is reviewed, and a store that a deployment can write (LOADTEST_BASELINES; else
`_baselines/` of the runs root where include/ is read-only). Of the two files the one with more versions counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from upath import UPath

from loadtest.baselines.layout import render
from loadtest.baselines.models import LEAST_RUNS, Baseline, BaselineFile
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.files import AnyPath, is_local, write_text
from loadtest.gate.records.summaries import RunSummary
from loadtest.locks import locked_folder
from loadtest.planning.models import HostClass, Plan
from loadtest.planning.quantities import slug_pattern
from loadtest.settings import settings

STORE = "_baselines"


def baseline_path(scenario: str, environment: str, profile: str) -> AnyPath:
    """Where the next version is written. Raises ConfigurationError for names that cannot be part of a path."""
    return named_path(baseline_store(), scenario, environment, profile)


def reviewed_path(scenario: str, environment: str, profile: str) -> Path:
    """The file in git."""
    return Path(str(named_path(settings().baselines, scenario, environment, profile)))


def baseline_store() -> AnyPath:
    """The folder of accepted baselines: LOADTEST_BASELINES, else include/baselines, else a folder of the runs root."""
    if chosen := os.environ.get("LOADTEST_BASELINES"):
        return UPath(chosen)
    reviewed = settings().baselines
    return reviewed if _can_be_written(reviewed) else settings().runs_root / STORE


def _can_be_written(folder: Path) -> bool:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return os.access(there, os.W_OK)


def named_path(root: AnyPath, scenario: str, environment: str, profile: str) -> AnyPath:
    """`<root>/<scenario>/<environment>-<profile>.json`; no path is built from bad input."""
    for kind, name in (("scenario", scenario), ("environment", environment), ("profile", profile)):
        if not re.fullmatch(slug_pattern, name):
            raise ConfigurationError(f"{name[:60]!r} is no {kind}; use lower-case letters, digits, '.', '_' and '-'.")
    return root / scenario / f"{environment}-{profile}.json"


def read_baselines(scenario: str, environment: str, profile: str) -> BaselineFile:
    """The file with most versions of those in the store and in git, or an empty one. Raises ConfigurationError with one sentence
    for a file that is half-written, edited into something invalid, about something else, or of a later schema version."""
    where = (scenario, environment, profile)
    found = [_read(path, where) for path in dict.fromkeys((baseline_path(*where), reviewed_path(*where))) if path.exists()]
    empty = BaselineFile(scenario=scenario, environment=environment, profile=profile)
    return max(found, key=lambda file: len(file.versions), default=empty)  # the store's where both have as many


def _read(path: AnyPath, where: tuple[str, str, str]) -> BaselineFile:
    file = BaselineFile.read(path)
    if (file.scenario, file.environment, file.profile) != where:
        raise ConfigurationError(
            f"{path} says that it is about {file.scenario} on {file.environment}, {file.profile}, which does not fit its name; "
            "restore it from version control."
        )
    return file


def update_baselines(
    scenario: str, environment: str, profile: str, change: Callable[[BaselineFile], BaselineFile]
) -> BaselineFile:
    """Replace the file by `change(file)`, alone: a second writer waits and then sees the first one's version.

    Whatever goes wrong, the old file stays. Raises ConfigurationError for a damaged file, InfrastructureError for the rest.
    """
    path = baseline_path(scenario, environment, profile)
    try:
        with one_writer(path):
            changed = change(read_baselines(scenario, environment, profile))
            # what is written must be readable: validate the whole before the old file is replaced
            text = render(BaselineFile.model_validate(changed.model_dump()))
            write_text(path, text)
            return changed
    except OSError as error:
        raise InfrastructureError(f"{path} could not be written: {error.strerror or error}; nothing was changed.") from error


def one_writer(path: AnyPath) -> AbstractContextManager[None]:
    """Keep other writers of the file at `path` out. Object storage has no locks: there, those of this host."""
    return locked_folder(Path(str(path.parent)) if is_local(path) else settings().scratch / "locks" / "baselines")


def matching_baseline(plan: Plan) -> tuple[Baseline | None, str]:
    """The anchor that the plan's run may be compared with, or None and one sentence that says why not.

    Raises ConfigurationError for a damaged file: a gate that silently ignored it would judge without a baseline.
    """
    anchor = read_baselines(plan.scenario.name, plan.environment.name, plan.profile.name).anchor
    if anchor is None:
        return None, "no baseline yet, so nothing was compared"
    name = f"baseline version {anchor.version}"
    if anchor.digest != plan.digest:
        return None, (
            f"{name} was measured with another plan (users, duration, scenario files or grouping differ), so nothing was compared"
        )
    if anchor.host_class != plan.host_class:
        differences = host_differences(anchor.host_class, plan.host_class)
        return None, f"{name} was measured on another host class ({differences}), so nothing was compared"
    if len(anchor.runs) < LEAST_RUNS:
        return None, f"{name} has {len(anchor.runs)} of at least {LEAST_RUNS} runs, so nothing was compared"
    return anchor, ""


def refreshing_runs(plan: Plan) -> tuple[RunSummary, ...]:
    """Accepted runs since the anchor that tell how much runs differ (gate.md: the variances, never the location)."""
    return read_baselines(plan.scenario.name, plan.environment.name, plan.profile.name).refresh


def collect_command(scenario: str, environment: str, profile: str) -> str:
    return f"loadtest baseline collect --scenario {scenario} --environment {environment} --profile {profile}"


def host_differences(ours: HostClass, theirs: HostClass) -> str:
    """`cores 4, now 2; Python 3.11, now 3.12`: what differs, the baseline's value first."""
    return "; ".join(
        f"{name.replace('_', ' ')} {value}, now {getattr(theirs, name)}"
        for name, value in ours.compared.items()
        if value != getattr(theirs, name)
    )
