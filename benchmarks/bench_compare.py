"""What `loadtest compare` says of two runs of simulated systems: false alarms, and which slowdowns it sees.

    python -m benchmarks.bench_compare --seed 2026 [--trials 60] [--profile light]

In each of the worlds of benchmarks/simulator two runs of two builds on two days are compared, with 0, 3 or 8 other runs of the
series in the history; one endpoint of nine is slower in the second. Each figure is a line `FIGURE name value unit bar ok|short`.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.figures import figure
from benchmarks.simulator.noise import ENDPOINTS, PROFILES, WORLDS
from benchmarks.simulator.runs import Pool, World, make_run
from loadtest.gate.statistics.judged_metrics import TESTED
from loadtest.gate.statistics.two_runs import LEAST_EFFECT, POSSIBLE_LEVEL, SURE_LEVEL, compare_two

CHANGES = {"same build": 0.0, "+20 %": 0.2, "+50 %": 0.5, "x2": 1.0}
POOL_RUNS = 40


def trial(generator: np.random.Generator, pool: Pool, others: int, change: float) -> tuple[bool, bool]:
    """Whether any endpoint is surely, or perhaps, slower; of a changed build: whether the changed one is."""
    world = World(generator, pool.shape, pool.noise)
    slow = ENDPOINTS[generator.integers(len(ENDPOINTS))]
    runs = []
    for number in range(others + 2):
        effects = world.session(1)[0]
        summaries = pool.summaries[generator.integers(len(pool.summaries))]
        shift = {slow: float(np.log1p(change))} if number == others + 1 else {}
        runs.append(make_run(summaries, effects, number=number, build=f"build-{number}", shift=shift, tick_ms=pool.noise.tick_ms))
    result = compare_two(runs[-2], runs[-1], runs[:-2])
    large = np.array([result.scores[metric].difference for metric in TESTED]) >= np.log1p(LEAST_EFFECT)
    looked_at = [result.endpoints.index(slow)] if change else slice(None)
    found = [bool(((result.slower < level) & large)[:, looked_at].any()) for level in (SURE_LEVEL, POSSIBLE_LEVEL)]
    return found[0], found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--trials", type=int, default=60, help="of each world, change and length of the history")
    parser.add_argument("--profile", choices=PROFILES, default="light")
    arguments = parser.parse_args()
    print(f"{'history':>8} {'change':>11} {'slower':>8} {'worst':>8} {'or perhaps':>11} {'worst':>8}   % of pairs")
    pools = [Pool(PROFILES[arguments.profile], noise, arguments.seed, runs=POOL_RUNS) for noise in WORLDS.values()]
    for others in (0, 3, 8):
        for name, change in CHANGES.items():
            shares = []
            for place, pool in enumerate(pools):
                generator = np.random.default_rng([arguments.seed, others, int(change * 100), place])
                found = np.array([trial(generator, pool, others, change) for _ in range(arguments.trials)])
                shares.append(100 * found.mean(axis=0))
            mean, worst = np.mean(shares, axis=0), (np.max if not change else np.min)(shares, axis=0)
            print(f"{others:8} {name:>11} {mean[0]:8.1f} {worst[0]:8.1f} {mean[1]:11.1f} {worst[1]:8.1f}")
            if not change:
                figure(f"compare_false_alarms_{others}_other_runs", float(mean[0]), "%", "<=2")


if __name__ == "__main__":
    main()
