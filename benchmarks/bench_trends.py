"""How good the trends are: false jumps and slopes of unchanged series, jumps found, coverage of the slope's interval.

    python benchmarks/bench_trends.py --seed 1 --trials 500

Noise between runs: a twentieth of the latency, normal, heavy-tailed (t with 3 degrees of freedom) or lasting (first-order,
0.4) in turn. Thresholds were tuned with seed 5.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.figures import figure
from loadtest.gate.statistics.slope import theil_sen
from loadtest.trends.change_points import find_jumps

NOISE = 0.05


def noise(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    if kind == "normal":
        return rng.normal(0, NOISE, n)
    if kind == "heavy":
        return rng.standard_t(3, n) * NOISE / np.sqrt(3)
    values = rng.normal(0, NOISE * np.sqrt(1 - 0.4**2), n)
    for index in range(1, n):
        values[index] += 0.4 * values[index - 1]
    return values


def share(flags: list[bool]) -> float:
    return 100 * sum(flags) / len(flags)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--runs", type=int, default=26)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    n, trials = options.runs, range(options.trials)
    weeks, one = np.arange(float(n)), np.zeros(n)
    for kind, most_jumps, most_slopes in (("normal", 2, 6), ("heavy", 2, 6), ("lasting", 6, 10)):
        false_jumps = [bool(find_jumps(noise(rng, n, kind))) for _ in trials]
        figure(f"trends_false_jumps_{kind}", share(false_jumps), "%", f"<={most_jumps}")
        found = []
        for _ in trials:
            values = noise(rng, n, kind)
            values[n // 2 :] += np.log(1.2)
            found.append(any(abs(jump.at - n // 2) <= 2 for jump in find_jumps(values)))
        figure(f"trends_jump_20_found_{kind}", share(found), "%", ">=60" if kind == "lasting" else ">=85")
        flat = [theil_sen(weeks, noise(rng, n, kind), one) for _ in trials]
        false_slopes = [found is not None and found.p < 0.05 for found in flat]
        figure(f"trends_false_slopes_{kind}", share(false_slopes), "%", f"<={most_slopes}")
        steep = [theil_sen(weeks, noise(rng, n, kind) + 0.01 * weeks, one) for _ in trials]
        covered = [found is not None and found.low <= 0.01 <= found.high for found in steep]
        figure(f"trends_interval_covers_{kind}", share(covered), "%", ">=90")
        weekly = [theil_sen(weeks, noise(rng, n, kind) + np.log(1.03) * weeks, one) for _ in trials]
        found_slopes = [found is not None and found.p < 0.01 for found in weekly]
        figure(f"trends_3_percent_a_week_found_{kind}", share(found_slopes), "%", ">=99")


if __name__ == "__main__":
    main()
