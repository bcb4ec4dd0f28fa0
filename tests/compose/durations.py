"""How long DAG runs take beside their load, on a stack that does nothing else: `WHAT=durations make compose-test`.

Prints it for three runs, with the machine's load average; there is no limit, since other work of the machine takes its part.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from tests.compose.containers import built_and_up

LOAD_S = 10.0


def test_how_long_a_run_takes_beside_its_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with built_and_up(tmp_path, project="loadtest-durations") as stack:
        for number in range(4):  # the first one warms the workers up
            run_id = stack.start_run(profile="smoke", duration=f"{LOAD_S:.0f}s")
            verdict = stack.end(run_id)
            run = stack.call("GET", f"/api/v2/dags/load_test/dagRuns/{run_id}").json()
            started, ended = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
            load = json.loads(stack.of_run(run_id, "load.json"))
            spent_s = (datetime.fromisoformat(load["ended_at"]) - datetime.fromisoformat(load["started_at"])).total_seconds()
            whole_s = (ended - started).total_seconds()
            with capsys.disabled():
                print(
                    f"run {number}: {whole_s:.1f} s, load {spent_s:.1f} s, beside it {whole_s - spent_s:.1f} s; "
                    f"{verdict['outcome']}; load average {os.getloadavg()[0]:.1f}"
                )
