"""Two builds side by side on this machine, for real: the sample backend against itself, and with one endpoint slowed down.

    python -m benchmarks.bench_ab_real [--unchanged 20] [--slowed 10] [--duration 180] [--users 10] [--neighbor] [--keep FOLDER]
    python -m benchmarks.bench_ab_real --judge-again FOLDER

Each comparison is what `loadtest run --against HEAD` does. Beside it, in the same hour: the usual rule, p95 of any endpoint more
than 20 % above the unchanged run before, asked of the candidates. `--neighbor`: a busy process on the last core all the while.
`--keep` keeps what was recorded; `--judge-again` sends no load: it judges what was kept with the statistics of today, early end
included.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench_real_runs import ENDPOINT, ROOT, SCENARIO, prepare, usual_rule

SLOWDOWN = f"{ENDPOINT}=x1.2"
BURST_S, REST_S = 2.0, 1.5


@dataclass(frozen=True)
class Said:
    """What a comparison says: is anything flagged, is the endpoint, all of it in words, how much of the time it took."""

    flagged: bool
    endpoint_flagged: bool
    words: str
    share_of_time: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unchanged", type=int, default=20)
    parser.add_argument("--slowed", type=int, default=10)
    parser.add_argument("--duration", type=int, default=180, help="seconds of load per comparison, both sides together")
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--neighbor", action="store_true", help="with a busy process on the last core")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="a new folder for what is recorded")
    parser.add_argument("--judge-again", type=Path, metavar="FOLDER", help="judge what was kept, without load")
    options = parser.parse_args()
    if options.judge_again:
        tell(judged_again(options.judge_again), "_judged_again")
        return
    with tempfile.TemporaryDirectory(prefix="loadtest-ab-real-") as temporary, neighbor(options.neighbor):
        home = options.keep or Path(temporary)
        prepare(home)
        staging = home / "include/environments/staging.yaml"
        staging.write_text(staging.read_text().replace("repository: .", f"repository: {ROOT}"))
        study(options)


def study(options: argparse.Namespace) -> None:
    """Unchanged and slowed comparisons in turns, so that both see the same hour."""
    from benchmarks.figures import figure

    wanted = {None: options.unchanged, SLOWDOWN: options.slowed}
    said: dict[str | None, list[Said]] = {kind: [] for kind in wanted}
    usual: dict[str | None, list[bool]] = {kind: [] for kind in wanted}
    before = None
    for _ in range(sum(wanted.values())):
        kind = min((kind for kind in wanted if wanted[kind]), key=lambda kind: len(said[kind]) / wanted[kind])
        one, now = compared(options, kind)
        said[kind].append(one)
        rose = usual_rule(before, now) if before else ""
        if before:
            usual[kind].append(bool(rose) if kind is None else ENDPOINT in rose)
        number, load = len(said[kind]), os.getloadavg()[1]
        print(f"{kind or 'unchanged'} {number}, load average {load:.1f}: {one.words}; usual rule: {rose or 'quiet'}", flush=True)
        before = now if kind is None else before
    suffix = "_busy_neighbor" if options.neighbor else ""
    tell(said, suffix)
    for kind, name in ((None, "unchanged_flagged"), (SLOWDOWN, "slowed_found")):
        if usual[kind]:
            figure(f"ab_real_{name}_by_usual_rule{suffix}", 100 * sum(usual[kind]) / len(usual[kind]), "%")


def compared(options: argparse.Namespace, slowdown: str | None):
    """What one comparison says, and the candidate's summary."""
    from loadtest.gate.decide import summarize
    from loadtest.load.turns import Turns
    from loadtest.pipeline.stages import run_once
    from loadtest.planning.request import SIDE_BY_SIDE, Request
    from loadtest.settings import settings

    request = Request.of(
        scenario=SCENARIO,
        profile=SIDE_BY_SIDE,
        users=options.users,
        duration_s=options.duration,
        against="HEAD",
        slowdown=slowdown,
    )
    outcome = run_once(request, settings())
    turns = Turns.read(Path(str(outcome.folder.turns)))
    taken = len(turns.order) * turns.slice_s / options.duration if turns else 0.0
    return said_by(outcome.verdict.findings, outcome.verdict.sentence, taken), summarize(outcome.folder)


def judged_again(home: Path) -> dict[str | None, list[Said]]:
    from upath import UPath

    from loadtest.gate.side_by_side import compare_side_by_side
    from loadtest.gate.statistics.side_by_side import look_after, planned_pairs
    from loadtest.load.turns import Turns
    from loadtest.planning.models import Plan
    from loadtest.run_folder import RunFolder

    said: dict[str | None, list[Said]] = {None: [], SLOWDOWN: []}
    for path in sorted(home.rglob("turns.json")):
        folder, turns = RunFolder(UPath(path.parent)), Turns.read(path)
        plan = Plan.read(folder.plan)
        assert turns is not None
        recorded, planned = len(turns.order) // 2, planned_pairs(plan.profile.duration_s)
        for pairs in sorted({min(look, recorded) for look in look_after(planned)}):
            result = compare_side_by_side(plan, folder, turns.after(2 * pairs))
            if result.decision.ends:
                break
        cut = "" if result.decision.ends else ", would have gone on"
        kind = SLOWDOWN if plan.slowdown else None
        said[kind].append(said_by(result.findings, f"{pairs} of {recorded} recorded pairs{cut}", pairs / planned))
        print(f"{kind or 'unchanged'} {len(said[kind])}, {plan.run_id}: {said[kind][-1].words}", flush=True)
    return said


def said_by(findings: Sequence, sentence: str, share_of_time: float) -> Said:
    from loadtest.vocabulary import Criterion, Outcome

    compared = [one for one in findings if one.criterion in (Criterion.REGRESSION, Criterion.GLOBAL, Criterion.ERRORS)]
    flagged = [one for one in compared if one.outcome in (Outcome.WARN, Outcome.FAIL)]
    told = [one for one in compared if one in flagged or one.endpoint == ENDPOINT]
    words = " | ".join([sentence, *(f"{one.outcome}: {one.sentence}" for one in told)])
    return Said(bool(flagged), any(one.endpoint == ENDPOINT for one in flagged), words, share_of_time)


def tell(said: dict[str | None, list[Said]], suffix: str) -> None:
    from benchmarks.figures import figure

    unchanged, slowed = said[None], said[SLOWDOWN]
    if unchanged:
        figure(f"ab_real_unchanged_flagged{suffix}", 100 * sum(one.flagged for one in unchanged) / len(unchanged), "%", "<=5")
        share = sum(one.share_of_time for one in unchanged) / len(unchanged)
        figure(f"ab_real_unchanged_share_of_time{suffix}", 100 * share, "%")
    if slowed:
        figure(f"ab_real_slowed_found{suffix}", 100 * sum(one.endpoint_flagged for one in slowed) / len(slowed), "%", ">=90")


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
