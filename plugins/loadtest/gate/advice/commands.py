"""The command that repeats a plan: its names, and what was asked differently from the profile's file."""

from __future__ import annotations

import shlex

from loadtest.errors import ConfigurationError
from loadtest.planning.arguments import as_options, canonical
from loadtest.planning.models import Plan
from loadtest.planning.quantities import format_duration
from loadtest.settings import settings


def overrides_of(plan: Plan) -> str:
    """Options of `loadtest run` that make the profile and the scenario on disk this plan's again, such as
    ` --users 8 --duration 15s`; a run without them would be another plan and could not be compared. Empty if they cannot be
    read any more."""
    from loadtest.planning.config import load_profile, load_scenario

    try:
        profile = load_profile(settings(), plan.profile.name)
    except ConfigurationError:
        return ""
    try:
        scenario = load_scenario(settings(), plan.scenario.name)
    except ConfigurationError:
        scenario = plan.scenario
    options = []
    if plan.profile.users != profile.users:
        options.append(f"--users {plan.profile.users}")
    if plan.profile.spawn_rate != profile.spawn_rate:
        options.append(f"--spawn-rate {plan.profile.spawn_rate:g}")
    if plan.profile.duration_s != profile.duration_s and (profile.duration_s or profile.shape != "scenario"):
        options.append(f"--duration {format_duration(plan.profile.duration_s)}")
    if canonical(plan.scenario.arguments) != canonical(scenario.arguments):
        options.append(shlex.join(as_options(plan.scenario.arguments)))
    for option, asked, usual in (
        ("--tag", plan.scenario.tags, profile.tags or scenario.tags),
        ("--exclude-tag", plan.scenario.exclude_tags, profile.exclude_tags or scenario.exclude_tags),
    ):
        if asked != usual:
            options += [shlex.join([option, tag]) for tag in asked]
    return "".join(f" {option}" for option in options)
