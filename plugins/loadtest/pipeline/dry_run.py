"""Each task of a scenario once, to see what it sends and what is answered: no run folder, no history, no verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

from upath import UPath

from loadtest.backend.stop import stop_backend
from loadtest.errors import ConfigurationError, NotRunError
from loadtest.load.control.rehearse import rehearse
from loadtest.load.rehearsal import Rehearsal
from loadtest.pipeline.leftovers import turn_to_load
from loadtest.pipeline.stages import Watcher, approved_and_checked, planned, start_and_check_backend
from loadtest.planning.models import Plan
from loadtest.planning.request import Request
from loadtest.run_folder import RunFolder
from loadtest.settings import Settings


def dry_run(request: Request, settings: Settings, *, watcher: Watcher, approve: Callable[[Plan], None]) -> Rehearsal:
    """Backend, health check, the tasks, clean-up. It waits for its turn as a load does, since it would disturb one. What the
    backend leaves is below the scratch folder as long as this takes. Errors as `run_once`."""
    if request.against:
        raise ConfigurationError("A dry run sends each request once and compares nothing; leave out --against.")
    watcher.stage("set-up")
    plan = planned(request, settings)
    with tempfile.TemporaryDirectory(prefix="dry-run-", dir=settings.scratch) as place:
        folder = RunFolder.of(UPath(place), plan.scenario.name, plan.environment.name, plan.profile.name, plan.run_id)
        plan.write(folder.plan)
        plan = approved_and_checked(plan, folder, watcher, approve)
        with turn_to_load(folder, watcher.stage):
            try:
                base_url = start_and_check_backend(plan, folder, watcher)
                watcher.stage("dry run")
                return rehearse(plan, base_url)
            except KeyboardInterrupt:
                raise NotRunError("The dry run was interrupted; what it started is stopped.") from None
            finally:
                watcher.stage("clean-up")
                stop_backend(folder)
