"""Two builds side by side on this machine, for real: the sample backend against itself, and with one endpoint slowed down.

    python -m benchmarks.bench_ab_real [--unchanged 20] [--slowed 10] [--duration 180] [--users 10] [--neighbor]

Each comparison is what `loadtest run --against HEAD` does. Beside it, in the same hour: the usual rule, p95 of any endpoint more
than 20 % above the run before, asked of the candidates. `--neighbor`: a busy process on the last core all the while.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench_real_runs import ENDPOINT, ROOT, SCENARIO, prepare, usual_rule

SLOWDOWN = f"{ENDPOINT}=x1.2"
BURST_S, REST_S = 2.0, 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unchanged", type=int, default=20)
    parser.add_argument("--slowed", type=int, default=10)
    parser.add_argument("--duration", type=int, default=180, help="seconds of load per comparison, both sides together")
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--neighbor", action="store_true", help="with a busy process on the last core")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loadtest-ab-real-") as home, neighbor(options.neighbor):
        prepare(Path(home))
        staging = Path(home) / "include/environments/staging.yaml"
        staging.write_text(staging.read_text().replace("repository: .", f"repository: {ROOT}"))
        study(options)


def study(options: argparse.Namespace) -> None:
    from benchmarks.figures import figure

    flagged = found = usual_unchanged = usual_slowed = 0
    before, ended_early = None, 0
    for number in range(options.unchanged):
        said, now, early = compared(options, None)
        usual = usual_rule(before, now) if before else ""
        flagged, usual_unchanged, ended_early = flagged + said["any"], usual_unchanged + bool(usual), ended_early + early
        print(f"unchanged {number + 1}: {said['sentence']}; usual rule: {usual or 'quiet'}", flush=True)
        before = now
    for number in range(options.slowed):
        said, now, _ = compared(options, SLOWDOWN)
        usual = usual_rule(before, now) if before else ""
        found, usual_slowed = found + said["endpoint"], usual_slowed + (ENDPOINT in usual)
        print(f"{SLOWDOWN} {number + 1}: {said['sentence']}; usual rule: {usual or 'quiet'}", flush=True)
    suffix = "_busy_neighbor" if options.neighbor else ""
    if options.unchanged:
        figure(f"ab_real_unchanged_flagged{suffix}", 100 * flagged / options.unchanged, "%", "<=5")
        figure(f"ab_real_unchanged_ended_early{suffix}", 100 * ended_early / options.unchanged, "%")
    if options.unchanged > 1:
        figure(f"ab_real_unchanged_flagged_by_usual_rule{suffix}", 100 * usual_unchanged / (options.unchanged - 1), "%")
    if options.slowed:
        figure(f"ab_real_slowed_found{suffix}", 100 * found / options.slowed, "%", ">=90")
    if options.slowed and before:
        figure(f"ab_real_slowed_found_by_usual_rule{suffix}", 100 * usual_slowed / options.slowed, "%")


def compared(options: argparse.Namespace, slowdown: str | None):
    """What a comparison says (is anything flagged, is the endpoint?), the candidate's summary, whether it ended early."""
    from loadtest.gate.decide import summarize
    from loadtest.load.turns import Turns
    from loadtest.pipeline.stages import run_once
    from loadtest.planning.request import SIDE_BY_SIDE, Request
    from loadtest.settings import settings
    from loadtest.vocabulary import Criterion, Outcome

    request = Request.of(
        scenario=SCENARIO,
        profile=SIDE_BY_SIDE,
        users=options.users,
        duration_s=options.duration,
        against="HEAD",
        slowdown=slowdown,
    )
    outcome = run_once(request, settings())
    wrong = [one for one in outcome.verdict.findings if one.outcome in (Outcome.WARN, Outcome.FAIL)]
    regressed = [one for one in wrong if one.criterion in (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.ERRORS)]
    turns = Turns.read(Path(str(outcome.folder.turns)))
    said = {
        "any": bool(regressed),
        "endpoint": any(one.endpoint == ENDPOINT for one in regressed),
        "sentence": outcome.verdict.sentence,
    }
    early = turns is not None and len(turns.order) * turns.slice_s < 0.9 * options.duration
    return said, summarize(outcome.folder), early


@contextmanager
def neighbor(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    process = multiprocessing.get_context("spawn").Process(target=_busy, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _busy() -> None:
    """Bursts of work on the last core, as a neighbor has them."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    while True:
        until = time.monotonic() + BURST_S
        while time.monotonic() < until:
            pass
        time.sleep(REST_S)


if __name__ == "__main__":
    main()
