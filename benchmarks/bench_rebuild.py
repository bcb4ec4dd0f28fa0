"""How long `loadtest history rebuild` takes: run folders of nine endpoints, as the sample scenario's are.

python benchmarks/bench_rebuild.py [--runs 2000] [--endpoints 9]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.figures import figure
from loadtest.history.queries import recent_runs
from tests.support.run_folders import STARTED_AT, build_run_folder

ROOT = Path(__file__).resolve().parents[1]
OUTCOMES = ("pass", "pass", "warn", "fail")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--endpoints", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.runs):
            build_run_folder(
                Path(folder) / "runs",
                run_id=f"run-{number:05d}",
                outcome=OUTCOMES[number % len(OUTCOMES)],
                endpoints=options.endpoints,
                started_at=STARTED_AT - timedelta(hours=number),
            )
        url = f"sqlite:///{folder}/history.db"
        environment = os.environ | {"LOADTEST_RUNS_ROOT": f"{folder}/runs", "LOADTEST_DATABASE_URL": url}
        started = time.monotonic()
        subprocess.run([ROOT / ".venv/bin/loadtest", "history", "rebuild"], env=environment, check=True, capture_output=True)
        seconds = time.monotonic() - started
        found = len(recent_runs(limit=options.runs + 1, database_url=url))
    if found != options.runs:
        raise SystemExit(f"The history has {found} of {options.runs} runs.")
    figure("rebuild_runs", options.runs, "runs")
    figure("history_rebuild", seconds, "s", "<=20")


if __name__ == "__main__":
    main()
