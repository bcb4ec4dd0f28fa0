"""A few seconds of load on a new scenario: which requests succeed, and how fast that is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.analysis.models import RunMetrics
from loadtest.errors import NotRunError
from loadtest.load.grouping import EndpointNames
from loadtest.pipeline.stages import Watcher, run_once
from loadtest.planning.models import Trigger, TriggerKind
from loadtest.planning.request import Request
from loadtest.run_folder import RunFolder
from loadtest.scaffolding.project import Project
from loadtest.scaffolding.proposal import Proposal, propose
from loadtest.scaffolding.service import Call, LeftOut
from loadtest.settings import settings
from loadtest.vocabulary import Outcome

USERS = 5
SHORTEST_S, LONGEST_S = 15, 60
REQUESTS_PER_TASK = 8  # enough to propose a target from; each user sends about one request a second
PLACES = ("LOADTEST_HOME", "LOADTEST_INCLUDE", "LOADTEST_RUNS_ROOT", "LOADTEST_SCRATCH", "LOADTEST_DATABASE_URL")


@dataclass(frozen=True)
class Trial:
    """`outcome`: of the run that tried it; `proposal`: None where nothing succeeded or the run is invalid."""

    folder: RunFolder
    outcome: Outcome | None
    useless: tuple[LeftOut, ...]
    proposal: Proposal | None


def duration_s(project: Project) -> int:
    """Seconds of load that the tasks of a scenario need."""
    wanted = len(project.service.calls) * REQUESTS_PER_TASK / USERS
    return round(min(LONGEST_S, max(SHORTEST_S, wanted)))


def try_scenario(project: Project, watcher: Watcher) -> Trial:
    """Runs the scenario, writes its Locust file again without what never succeeded, and its proposed targets."""
    request = Request.of(
        profile="smoke",
        environment=project.environment,
        scenario=project.name,
        users=str(USERS),
        duration_s=f"{duration_s(project)}s",
        trigger=Trigger(kind=TriggerKind.CLI, reason="loadtest init tries the new scenario"),
    )
    with _working_on(project.folder):
        done = run_once(request, settings(), watcher=watcher)
    folder, outcome = done.folder, done.verdict.outcome
    if not folder.metrics.exists():
        raise NotRunError(f"The new scenario could not be tried; {project.folder} is there, and `loadtest run` says more.")
    metrics = RunMetrics.read(folder.metrics)
    failing = {one.endpoint: one.n for one in metrics.endpoints if one.n and one.successes == 0}
    names = EndpointNames([])

    def reason(call: Call) -> str | None:
        if any(not os.environ.get(name) for credential in call.credentials for name in credential.variables):
            return None  # it may succeed for somebody who may ask
        method, _, path = call.endpoint.partition(" ")
        recorded = call.endpoint if call.name else names.name_of(method, path)
        return f"none of {failing[recorded]} requests succeeded" if recorded in failing else None

    kept = project.service.without(reason)
    useless = kept.left_out[len(project.service.left_out) :]
    if useless and kept.calls:
        project.rewrite_locustfile(kept)
    working = [one for one in metrics.endpoints if one.endpoint not in failing]
    if not working or outcome is Outcome.INVALID:
        return Trial(folder, outcome, useless, None)
    proposal = propose(working, metrics.total)
    project.write_targets(proposal.text(f"run {folder.path.name} ({USERS} users for {duration_s(project)} s)"))
    return Trial(folder, outcome, useless, proposal)


@contextmanager
def _working_on(folder: Path) -> Iterator[None]:
    """The whole product works on this folder for a while, whatever the environment says."""
    before = {name: os.environ.pop(name, None) for name in PLACES}
    os.environ["LOADTEST_HOME"] = str(folder)
    try:
        yield
    finally:
        del os.environ["LOADTEST_HOME"]
        os.environ.update({name: value for name, value in before.items() if value is not None})
