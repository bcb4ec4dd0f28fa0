"""What is possible in each simulated world: found against flagged, for our gate and for judges that were told the truth.

    python -m benchmarks.bench_gate_possible --seed 2026 [--trials 200] [--profile medium light] [--world uneven ...]

Each judge gives a number per endpoint that grows with suspicion; for each share of unchanged runs that it may flag, the table
says how often it then finds +20 % on one of nine endpoints. "all known": told each endpoint's standard deviation and the
host's factor; "noise known": told the world's distributions and the host's factor (benchmarks/simulator/possible.py); "ours":
the gate's adjusted p-value of all three runs, the host's factor estimated. What no judge can hold, no promise should say.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices: threads only wait for each other

import numpy as np

from benchmarks.bench_gate import POOL_RUNS
from benchmarks.simulator.noise import ENDPOINTS, PROFILES, WORLDS
from benchmarks.simulator.possible import all_known, noise_known
from benchmarks.simulator.runs import Pool
from benchmarks.simulator.trials import Change, Trial, draw_trial
from loadtest.gate.comparison import known_endpoints
from loadtest.gate.statistics.comparability import comparable_runs
from loadtest.gate.statistics.judge import judge

FACTOR = 1.2
FLAGGED = (0.005, 0.01, 0.02, 0.03, 0.05)
LEAST_EFFECT = 0.05


def ours(trial: Trial) -> np.ndarray:
    """-log of the smallest adjusted p of each endpoint, all three runs together."""
    basis = comparable_runs(trial.baseline, trial.candidates[0])
    known = known_endpoints(basis.runs)
    judgement = judge(basis, list(trial.candidates), known, np.full(len(known), LEAST_EFFECT))
    smallest = np.nanmin(judgement.slower, axis=0)
    return -np.log(np.maximum(smallest[[known.index(name) for name in ENDPOINTS]], 1e-300))


def curve(judged: Callable[[Trial], np.ndarray], unchanged: list[Trial], slowed: list[Trial]) -> list[float]:
    """Share of the slowed endpoints found, for each share of FLAGGED."""
    most = np.sort([judged(trial).max() for trial in unchanged])
    mine = np.array([judged(trial)[ENDPOINTS.index(trial.endpoint)] for trial in slowed])
    limits = [most[min(int(np.ceil(len(most) * (1 - share))), len(most) - 1)] for share in FLAGGED]
    return [float(np.mean(mine > limit)) for limit in limits]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--trials", type=int, default=200, help="unchanged systems of each world; half as many slowed ones")
    parser.add_argument("--profile", nargs="+", choices=list(PROFILES), default=["medium", "light"])
    parser.add_argument("--world", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    arguments = parser.parse_args()
    print(f"{'found, where so many unchanged runs are flagged':48}" + "".join(f"{share:>8.1%}" for share in FLAGGED))
    for profile in arguments.profile:
        for world in arguments.world:
            shape, noise = PROFILES[profile], WORLDS[world]
            pool = Pool(shape, noise, arguments.seed, POOL_RUNS)
            generator = np.random.default_rng([arguments.seed, 4, list(WORLDS).index(world)])
            unchanged = [draw_trial(generator, pool, Change("unchanged")) for _ in range(arguments.trials)]
            slowed = [draw_trial(generator, pool, Change("+20 %", factor=FACTOR)) for _ in range(arguments.trials // 2)]
            judges: dict[str, Callable[[Trial], np.ndarray]] = {
                "all known": lambda trial, noise=noise: all_known(trial, noise),
                "noise known": lambda trial, noise=noise, shape=shape: noise_known(trial, noise, shape, float(np.log(FACTOR))),
                "ours": ours,
            }
            for name, judged in judges.items():
                row = "".join(f"{found:>8.0%}" for found in curve(judged, unchanged, slowed))
                print(f"{profile + ', ' + world + ': ' + name:48}{row}", flush=True)


if __name__ == "__main__":
    main()
