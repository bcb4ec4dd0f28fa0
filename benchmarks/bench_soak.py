"""Soaks of ten minutes: is a leak of 1 MB a minute found, and none where there is none?

    python -m benchmarks.bench_soak [--leaking 1] [--clean 3] [--minutes 10]

Each run starts a fresh sample backend, with or without the leak, and sends a constant load; all run one after the other.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
MIB = 2**20


def main() -> None:
    from benchmarks.figures import figure
    from loadtest.cli.interrupts import Interrupts

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leaking", type=int, default=1)
    parser.add_argument("--clean", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10.5)
    options = parser.parse_args()
    with Interrupts(), tempfile.TemporaryDirectory(prefix="loadtest-soak-") as home:
        prepare(Path(home))
        found = [soak("leaking", options.minutes) for _ in range(options.leaking)]
        false = [soak("staging", options.minutes) for _ in range(options.clean)]
    figure("soak_leaks_found", sum(each is not None for each in found), f"of {len(found)}", f">={len(found)}")
    figure("soak_false_alarms", sum(each is not None for each in false), f"of {len(false)}", "<=0")


def prepare(home: Path) -> None:
    shutil.copytree(ROOT / "include", home / "include", ignore=shutil.ignore_patterns("__pycache__"))
    environment = yaml.safe_load((ROOT / "include/environments/staging.yaml").read_text())
    environment["backend"]["env"]["SAMPLE_BACKEND_LEAK_MB_PER_MINUTE"] = "1"
    (home / "include/environments/leaking.yaml").write_text(yaml.safe_dump(environment | {"name": "leaking"}))
    os.environ["LOADTEST_HOME"] = str(home)


def soak(environment: str, minutes: float) -> float | None:
    """MiB an hour that one run found leaking; None: no leak."""
    from loadtest.pipeline.stages import run_once
    from loadtest.planning.request import Request
    from loadtest.settings import settings

    request = Request(scenario="student_api", environment=environment, profile="soak", users=4, duration_s=minutes * 60)
    verdict = run_once(request, settings()).verdict
    leaks = [finding for finding in verdict.findings if finding.evidence.get("rule") == "memory_leak"]
    print(f"{environment}: {leaks[0].sentence if leaks else 'no leak'} ({verdict.outcome})", flush=True)
    return float(leaks[0].evidence["per_hour"] or 0.0) / MIB if leaks else None


if __name__ == "__main__":
    main()
