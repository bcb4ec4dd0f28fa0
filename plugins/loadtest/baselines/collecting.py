"""Collecting the runs of a candidate: K good ones, one after the other, spread over time if wanted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from loadtest.baselines.candidates import add_run, leave_out
from loadtest.baselines.models import Candidate
from loadtest.errors import InfrastructureError
from loadtest.gate.records.verdicts import Verdict
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome

SPARE_SHARE = 0.25  # runs that are invalid or objected to are repeated, at most this share of the wanted ones, and at least two


@dataclass(frozen=True)
class Collected:
    """What one run of the collection came to. `number` counts tries from 1; `good` the runs that nothing speaks against."""

    number: int
    good: int
    wanted: int
    run_id: str
    sentence: str


def collect(
    run_one: Callable[[int], RunFolder],
    *,
    runs: int,
    spacing_s: float = 0.0,
    report: Callable[[Collected], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Candidate:
    """Call `run_one(number)` until `runs` of its runs are usable, and put each into the candidate.

    An invalid run is left out and repeated: it says nothing about the service. A run that something speaks against (it failed,
    it was slowed down) is repeated too, and left out once there are enough others; where all are like that they stay, with the
    objections that a person has to overrule. Raises InfrastructureError when too many are invalid; what was collected is kept.
    """
    spare = max(2, int(SPARE_SHARE * runs))
    usable: list[str] = []
    candidate = None
    for number in range(1, runs + spare + 1):
        if number > 1 and spacing_s > 0:
            sleep(spacing_s)
        folder = run_one(number)
        verdict = Verdict.read(folder.verdict)
        if verdict.outcome is not Outcome.INVALID and verdict.outcome is not None:
            candidate = add_run(folder)
            if verdict.run_id in {run.run_id for run in candidate.runs}:
                usable.append(verdict.run_id)
        objections = candidate.objections if candidate else {}
        good = [run_id for run_id in usable if run_id not in objections]
        report(Collected(number, len(good), runs, verdict.run_id, verdict.sentence))
        if candidate is not None and len(good) == runs:
            for run_id in usable:
                if run_id in objections:
                    candidate = leave_out(
                        candidate.scenario, candidate.environment, candidate.profile, run_id, f"replaced: {objections[run_id]}"
                    )
            return candidate
    if candidate is not None and len(usable) >= runs:
        return candidate
    raise InfrastructureError(
        f"Only {len(usable)} of {runs} runs were usable in {runs + spare} tries (the good ones are kept); "
        "find out why with: loadtest explain RUN"
    )
