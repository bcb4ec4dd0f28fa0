"""What the history knows of a plan before it is judged. A history that cannot be read costs a warning, never the verdict."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from loadtest.errors import LoadTestError
from loadtest.gate.records.regressions import FirstSeen, FirstSightings
from loadtest.gate.records.summaries import RunSummary
from loadtest.history.acknowledgements import active_mutes
from loadtest.history.queries import drift_series
from loadtest.history.regressions import open_regressions
from loadtest.planning.criteria import Mute
from loadtest.planning.models import Plan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """`mutes` in force now; `earlier`: summaries of accepted runs with the same plan and host class, oldest first;
    `first_seen`: the regressions that were open before this run, None where the history cannot be read."""

    mutes: tuple[Mute, ...] = ()
    earlier: tuple[RunSummary, ...] = ()
    first_seen: FirstSightings | None = None


def known_of(plan: Plan) -> Known:
    try:
        where = (plan.scenario.name, plan.environment.name)
        mutes = active_mutes(*where, datetime.now(UTC), profile=plan.profile.name)
        return Known(tuple(mutes), tuple(drift_series(plan)), _first_seen(plan))
    except LoadTestError as error:
        log.warning("The history cannot be read, so mutes, drift and first sightings are left out: %s", error)
        return Known()


def _first_seen(plan: Plan) -> FirstSightings:
    """A run that is judged again does not count itself."""
    series = (plan.scenario.name, plan.environment.name, plan.profile.name)
    return {
        (one.criterion, one.endpoint): FirstSeen(at=one.since, runs=len(set(one.runs) - {plan.run_id}))
        for one in open_regressions(*series)
        if one.since < plan.created_at
    }
