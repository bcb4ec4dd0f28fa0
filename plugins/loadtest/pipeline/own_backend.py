"""The service that a run measures, as its tasks find it: where it is, and whether it is on this machine."""

from __future__ import annotations

from collections.abc import Callable

from loadtest.backend.health import check_health
from loadtest.backend.models import BackendState, HealthReport
from loadtest.backend.start import start_backend
from loadtest.backend.state import read_state
from loadtest.backend.stop import stop_backend
from loadtest.builds.measured import with_build_known
from loadtest.planning.models import Plan
from loadtest.run_folder import RunFolder


def base_url_of(plan: Plan, folder: RunFolder) -> str:
    """Where the load goes: the plan's base URL, or the backend that this run started."""
    if plan.base_url:
        return plan.base_url
    return BackendState.read(folder.backend_state).base_url


def backend_on_this_machine(plan: Plan, folder: RunFolder) -> HealthReport:
    """Start the backend again where this machine replaced the one on which it was started; wait until it is healthy."""
    state = read_state(folder) if plan.environment.starts_backend else None
    if state is not None and not state.machine.is_here:
        start_backend(plan, folder)
    return check_health(plan, folder)


def backend_for_another_attempt(plan: Plan, folder: RunFolder, say: Callable[[str], None]) -> None:
    """What the health check found before the last attempt may be gone: ours is started anew, so that each attempt finds the same
    fresh one; somebody else's must be healthy, and which build it is now is looked at again. Errors as `check_health` and
    `with_build_known`."""
    state = read_state(folder) if plan.environment.starts_backend else None
    if state is not None:
        if state.machine.is_here:
            stop_backend(folder)
        start_backend(plan, folder)
    check_health(plan, folder)
    with_build_known(plan, folder, base_url_of(plan, folder), say)
