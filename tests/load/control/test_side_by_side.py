"""Two loads that take turns, with real Locust and two servers: never both at once, and an early end when there is enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from loadtest.gate.side_by_side import paired
from loadtest.load.control.side_by_side import Side, run_side_by_side
from loadtest.load.models import StopReason
from tests.load.plans import folder_of, plan_of, write_scenario
from tests.support.http_server import counting_server


def test_each_side_sends_in_its_own_slices_and_both_end_early_together(tmp_path: Path) -> None:
    locustfile = write_scenario(tmp_path / "scenario", wait_s=0.02)
    order, seen = (0, 1, 1, 0) * 4, []
    with counting_server() as base, counting_server() as candidate:
        sides = []
        for server, name in ((base, "run-1-against-base"), (candidate, "run-1")):
            plan = plan_of(locustfile, server.base_url, run_id=name, duration_s=16)
            folder = folder_of(tmp_path / "runs", name)
            plan.write(folder.plan)
            sides.append(Side(plan, folder, server.base_url))
        results = run_side_by_side(
            sides[0],
            sides[1],
            order=order,
            slice_s=1.0,
            looks=(6,),
            enough=lambda turns, slices, arrays: seen.append([len(side.start_us) for side in arrays]) or True,
            on_progress=lambda progress: None,
        )
        totals = (base.total, candidate.total)
    turns = results[2]
    assert 6 < len(turns.order) < len(order) and all(count > 20 for count in seen[0])
    for number, (side, result) in enumerate(zip(sides, results, strict=False)):
        assert result.stop_reason is StopReason.COMPLETED, result.error
        assert result.planned_duration_s < 16 and (result.running_users_share or 0) >= 0.95  # an early end is a planned one
        frame = pd.read_parquet(str(side.folder.samples))
        assert len(frame) == totals[number] > 50
        start_us = frame.start_us.to_numpy()
        slices = np.floor((start_us / 1e6 - turns.starts_at) / turns.slice_s).astype(int)
        foreign = [one for one in slices if one < len(turns.order) and turns.order[one] != number]
        assert len(foreign) <= 0.01 * len(slices)  # those between "it is our turn" and the send when a slice ended, if any
        pairs = paired(start_us, turns, number)
        assert (pairs >= 0).mean() > 0.4
        assert {turns.order[one] for one in slices[pairs >= 0]} == {number}
