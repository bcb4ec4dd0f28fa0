"""Where baselines are: read, matched with a plan, and replaced one writer at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from loadtest.baselines.layout import render
from loadtest.baselines.models import LEAST_RUNS, Baseline, BaselineFile
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.files import write_text
from loadtest.gate.records.summaries import RunSummary
from loadtest.locks import locked_folder
from loadtest.planning.models import HostClass, Plan
from loadtest.planning.quantities import slug_pattern
from loadtest.settings import settings


def baseline_path(scenario: str, environment: str, profile: str) -> Path:
    """Raises ConfigurationError for names that cannot be part of a path."""
    return named_path(settings().baselines, scenario, environment, profile)


def named_path(root: Path, scenario: str, environment: str, profile: str) -> Path:
    """`<root>/<scenario>/<environment>-<profile>.json`; no path is built from bad input."""
    for kind, name in (("scenario", scenario), ("environment", environment), ("profile", profile)):
        if not re.fullmatch(slug_pattern, name):
            raise ConfigurationError(f"{name[:60]!r} is no {kind}; use lower-case letters, digits, '.', '_' and '-'.")
    return root / scenario / f"{environment}-{profile}.json"


def read_baselines(scenario: str, environment: str, profile: str) -> BaselineFile:
    """The file, or an empty one where there is none. Raises ConfigurationError with one sentence for a file that is
    half-written, edited into something invalid, about something else, or of a later schema version."""
    path = baseline_path(scenario, environment, profile)
    if not path.exists():
        return BaselineFile(scenario=scenario, environment=environment, profile=profile)
    file = BaselineFile.read(path)
    expected = (scenario, environment, profile)
    if (file.scenario, file.environment, file.profile) != expected:
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
        with locked_folder(path.parent):
            changed = change(read_baselines(scenario, environment, profile))
            # what is written must be readable: validate the whole before the old file is replaced
            text = render(BaselineFile.model_validate(changed.model_dump()))
            write_text(path, text)
            return changed
    except OSError as error:
        raise InfrastructureError(f"{path} could not be written: {error.strerror or error}; nothing was changed.") from error


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
        for name, value in ours.model_dump().items()
        if value != getattr(theirs, name)
    )
