"""How many load-generating processes a profile means on this machine."""

from __future__ import annotations

import os

from loadtest.planning.models import Profile


def resolve_workers(profile: Profile) -> int:
    """Local processes: `auto` leaves one core to everything else; 0 local ones when an external fleet does the work
    and the profile asks for one only."""
    if profile.workers == "auto":
        return max(1, len(os.sched_getaffinity(0)) - 1) if hasattr(os, "sched_getaffinity") else max(1, (os.cpu_count() or 2) - 1)
    if profile.remote_workers and profile.workers == 1:
        return 0
    return max(1, int(profile.workers))
