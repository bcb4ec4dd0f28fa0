"""The gate on real runs: the sample backend, unchanged and with one endpoint slowed down, on this machine.

    python -m benchmarks.bench_real_runs [--baseline 8] [--unchanged 20] [--slowed 4] [--duration 12] [--users 5]

Each run starts a fresh backend and sends a short closed-loop load with real Locust; a suspicion is measured again once, or
twice where that is close, as the product does. Beside ours: the usual rule, p95 of any endpoint more than 20 % above the run
before.
Everything is measured within an hour on one build, so the gate assumes what other hours and builds usually bring
(docs/gate.md); flagged = warn or fail.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCENARIO = "brisk_reader"
ENDPOINT = "GET /api/v1/courses"
SLOWDOWNS = {"+50 %": "x1.5", "+20 %": "x1.2"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baseline", type=int, default=8)
    parser.add_argument("--unchanged", type=int, default=20)
    parser.add_argument("--slowed", type=int, default=4, help="decisions per slow-down")
    parser.add_argument("--duration", type=int, default=12, help="seconds of load per run")
    parser.add_argument("--users", type=int, default=5)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="append each run's summary as a line of JSON")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="send no load: judge the runs kept in this file again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loadtest-real-runs-") as home:
        prepare(Path(home))
        study(options)


def prepare(home: Path) -> None:
    """A project of its own, so that no run of this benchmark ends in anybody's history."""
    shutil.copytree(ROOT / "include", home / "include", ignore=shutil.ignore_patterns("__pycache__"))
    folder = home / "include" / "scenarios" / SCENARIO
    folder.mkdir()
    shutil.copy(ROOT / "benchmarks/real_runs/locustfile.py", folder / "locustfile.py")
    (folder / "scenario.yaml").write_text("purpose: benchmark\n")
    os.environ["LOADTEST_HOME"] = str(home)


def study(options: argparse.Namespace) -> None:
    from benchmarks.figures import figure

    measured = kept_runs(options.judge) if options.judge else partial(measure_and_keep, options)
    baseline = [measured() for _ in range(options.baseline)]
    print(f"baseline: {len(baseline)} runs, {sum(row.n for row in baseline[0].endpoints)} requests in the first", flush=True)
    previous, usual, outcomes = baseline[-1], 0, []
    for number in range(options.unchanged):
        run = measured()
        flagged_by_usual = usual_rule(previous, run)
        usual += bool(flagged_by_usual)
        outcomes.append(decision(baseline, run, measured, None))
        print(f"unchanged {number + 1}: {outcomes[-1]}; usual rule: {flagged_by_usual or 'quiet'}", flush=True)
        previous = run
    flagged = sum(outcome in ("warn", "fail") for outcome in outcomes)
    figure("real_unchanged_flagged", 100 * flagged / max(1, options.unchanged), "%", "<=2.5")
    figure("real_unchanged_flagged_by_usual_rule", 100 * usual / max(1, options.unchanged), "%", "-")
    figure("real_unchanged_passed", 100 * outcomes.count("pass") / max(1, options.unchanged), "%", "-")
    for name, factor in SLOWDOWNS.items():
        slowdown = f"{ENDPOINT}={factor}"
        found = []
        for number in range(options.slowed):
            found.append(decision(baseline, measured(slowdown), lambda slow=slowdown: measured(slow), ENDPOINT))
            print(f"{name} on {ENDPOINT}, {number + 1}: {found[-1]}", flush=True)
        label = name.strip("+ %")
        shown = sum(outcome in ("warn", "fail") for outcome in found)
        figure(f"real_slowed_{label}_found", 100 * shown / max(1, options.slowed), "%", ">=90" if name == "+50 %" else "-")
        figure(f"real_slowed_{label}_failed", 100 * found.count("fail") / max(1, options.slowed), "%", "-")
        bar = "<=0" if name == "+50 %" else "-"
        figure(f"real_slowed_{label}_passed", 100 * found.count("pass") / max(1, options.slowed), "%", bar)


def kept_runs(file: Path) -> Callable:
    """In the place of measuring: the kept runs of each slow-down in their order, from the first again after the last."""
    from loadtest.gate.records.summaries import RunSummary

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    kept: dict[str | None, Iterator] = {
        slowdown: cycle([RunSummary.model_validate(each["run"]) for each in lines if each["slowdown"] == slowdown])
        for slowdown in {each["slowdown"] for each in lines}
    }
    return lambda slowdown=None: next(kept[slowdown])


def measure_and_keep(options: argparse.Namespace, slowdown: str | None = None):
    summary = measure_once(options.users, options.duration, slowdown)
    if options.keep:
        with options.keep.open("a") as file:
            kept = {"slowdown": slowdown, "load": os.getloadavg()[0], "run": summary.model_dump(mode="json")}
            file.write(json.dumps(kept) + "\n")
    return summary


def measure_once(users: int, duration_s: int, slowdown: str | None):
    """Summary of one real run."""
    from loadtest.gate.decide import summarize
    from loadtest.pipeline.stages import SilentWatcher, measure, open_run
    from loadtest.planning.request import Request
    from loadtest.settings import settings

    request = Request.of(
        scenario=SCENARIO, profile="light", users=users, spawn_rate=users, duration_s=duration_s, slowdown=slowdown
    )
    plan, folder = open_run(request, settings())
    measure(plan, folder, SilentWatcher())
    summary = summarize(folder)
    if summary is None:
        sys.exit(f"Run {plan.run_id} measured nothing; see {folder.path}.")
    return summary


def usual_rule(before, now) -> str:
    """The endpoint whose p95 rose most, if by more than 20 %."""
    from math import expm1

    earlier = {row.endpoint: row.log_p95 for row in before.endpoints if row.log_p95 is not None}
    rises = {
        row.endpoint: expm1(row.log_p95 - earlier[row.endpoint])
        for row in now.endpoints
        if row.log_p95 is not None and row.endpoint in earlier
    }
    worst = max(rises, key=rises.get, default="")
    return f"{worst} {rises[worst]:+.0%}" if worst and rises[worst] > 0.2 else ""


def decision(baseline: Sequence, run, again: Callable, endpoint: str | None) -> str:
    """The gate's word on a run: of one endpoint if named, else of all regressions together; suspects are confirmed."""
    from loadtest.gate.comparison import compare
    from loadtest.planning.criteria import Criteria
    from loadtest.run_folder import CONFIRMATIONS
    from loadtest.vocabulary import Criterion, Outcome, worst

    criteria, tolerance = Criteria(), 0.2
    result = compare(baseline, [run], criteria, tolerance, confirmed=False)
    runs = [run]
    while any(finding.suspect for finding in result.findings) and len(runs) <= CONFIRMATIONS:
        runs.append(again())
        result = compare(baseline, runs, criteria, tolerance, confirmed=True, more=len(runs) <= CONFIRMATIONS)
    wanted = (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.ERRORS)
    found = [one for one in result.findings if one.criterion in wanted and endpoint in (None, one.endpoint)]
    outcome = worst([one.outcome for one in found])
    half_is_proven = len(result.proven) * 2 >= len(result.judged) > 0
    if endpoint is None and outcome is Outcome.INCONCLUSIVE and half_is_proven and not any(one.suspect for one in found):
        return str(Outcome.PASS)  # the run's verdict: proof for at least half of the endpoints (docs/gate.md)
    return str(outcome)


if __name__ == "__main__":
    main()
