"""What the history knows of a plan before it is judged. A history that cannot be read costs a warning, never the verdict."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from loadtest.errors import LoadTestError
from loadtest.gate.records.summaries import RunSummary
from loadtest.history.acknowledgements import active_mutes
from loadtest.history.queries import drift_series
from loadtest.planning.models import Mute, Plan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """`mutes` in force now; `earlier`: summaries of accepted runs with the same plan and host class, oldest first."""

    mutes: tuple[Mute, ...] = ()
    earlier: tuple[RunSummary, ...] = ()


def known_of(plan: Plan) -> Known:
    try:
        where = (plan.scenario.name, plan.environment.name)
        mutes = active_mutes(*where, datetime.now(UTC), profile=plan.profile.name)
        return Known(tuple(mutes), tuple(drift_series(plan)))
    except LoadTestError as error:
        log.warning("The history cannot be read, so mutes and drift are left out: %s", error)
        return Known()
