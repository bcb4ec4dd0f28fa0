"""The command that repeats a plan: its names, and what was asked differently from the profile's file."""

from __future__ import annotations

from loadtest.errors import ConfigurationError
from loadtest.planning.models import Plan
from loadtest.planning.quantities import format_duration
from loadtest.settings import settings


def overrides_of(plan: Plan) -> str:
    """Options of `loadtest run` that make the profile on disk this plan's again, such as ` --users 8 --duration 15s`; a run
    without them would be another plan and could not be compared. Empty if the profile cannot be read any more."""
    from loadtest.planning.config import load_profile

    try:
        profile = load_profile(settings(), plan.profile.name)
    except ConfigurationError:
        return ""
    options = []
    if plan.profile.users != profile.users:
        options.append(f"--users {plan.profile.users}")
    if plan.profile.spawn_rate != profile.spawn_rate:
        options.append(f"--spawn-rate {plan.profile.spawn_rate:g}")
    if plan.profile.duration_s != profile.duration_s:
        options.append(f"--duration {format_duration(plan.profile.duration_s)}")
    return "".join(f" {option}" for option in options)
