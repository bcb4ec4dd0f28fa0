"""How often does the gate cry wolf, how often does it sleep? Simulated runs of several worlds; the usual rules beside it.

    python -m benchmarks.bench_gate --seed 2026 [--trials 600] [--jobs 2]
        [--world uneven ...] [--profile light ...] [--case "+20 %"]     # a part of it, in seconds

The worlds make noise in ways that are unlike each other (benchmarks/simulator/noise.py); each figure is of the WORST one. What
was tuned, and on which seeds, stands in docs/gate.md; judge it with seeds of your own. With the defaults it takes some minutes
on two cores. "Flagged" and "found" mean: some finding, or one naming the changed endpoint, ends in warn or fail after
confirmation, as the product would tell people. Each figure is a line `FIGURE name value unit bar ok|short`.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices: threads only wait for each other

import numpy as np

from benchmarks.figures import figure, percent
from benchmarks.simulator.competitors import USUAL_LIMIT, bootstrap, mann_whitney, p95_last, p95_median
from benchmarks.simulator.noise import PROFILES, WORLDS, Noise
from benchmarks.simulator.runs import Pool
from benchmarks.simulator.trials import Change, Decision, decide, draw_trial

POOL_RUNS = 60
REQUEST_TRIALS = 100  # for judges that look at single requests
REQUEST_POOL_RUNS = 30
TOLERANCES = {"smoke": 1.0, "light": 0.5}  # the profiles' own; 20 % for the others


@dataclass(frozen=True)
class Case:
    """One kind of trial in one profile. `share` of --trials; the bars are for the worst world."""

    profile: str
    change: Change
    share: float
    bars: tuple[tuple[str, str], ...]  # attribute of a decision -> bar, in percent (runs: runs)

    @property
    def name(self) -> str:
        return f"{self.profile}: {self.change.name}"


def _case(profile: str, name: str, share: float, change: dict, **bars: str) -> Case:
    return Case(profile, Change(name, **change), share, tuple(bars.items()))


CASES = (
    _case("medium", "unchanged", 1, {}, flagged="<=1", passed=">=80", runs="<=1.4"),
    _case("medium", "unchanged, no probe", 0.3, {"probe": False}, flagged="<=1", passed="-"),
    _case("medium", "unchanged, baseline of one hour", 0.5, {"one_hour": True}, flagged="<=1", passed="-"),
    _case("medium", "one endpoint +20 %", 0.3, {"factor": 1.2}, found=">=75", found_failed="-"),
    _case("medium", "one endpoint +30 %", 0.4, {"factor": 1.3}, found="-", passed="<=2"),
    _case("medium", "half +20 %", 0.3, {"half": 1.2}, flagged=">=95", passed="<=2"),
    _case("medium", "half +20 %, no probe", 0.3, {"half": 1.2, "probe": False}, flagged="-", passed="<=2"),
    _case("medium", "all +20 %", 0.3, {"everywhere": 1.2}, flagged=">=95", passed="<=2"),
    _case("medium", "all +20 %, no probe", 0.3, {"everywhere": 1.2, "probe": False}, flagged="-", passed="<=2"),
    _case("medium", "one endpoint x2, baseline of one hour", 0.3, {"factor": 2, "one_hour": True}, found_failed=">=99"),
    _case("light", "unchanged", 0.6, {}, flagged="<=1", passed="-", runs="<=1.4"),
    _case("light", "unchanged, baseline of one hour", 0.3, {"one_hour": True}, flagged="<=1"),
    _case("light", "one endpoint +20 %", 0.3, {"factor": 1.2}, found=">=40", found_failed="-"),
    _case("light", "one endpoint x2, baseline of one hour", 0.3, {"factor": 2, "one_hour": True}, found_failed=">=99"),
    _case("heavy", "slowest tenth +20 %", 0.2, {"tail_factor": 1.2}, found="-"),
    _case("smoke", "unchanged", 0.2, {}, flagged="<=1"),
    _case("smoke", "one endpoint x3", 0.2, {"factor": 3}, found="-"),
)


@dataclass(frozen=True)
class Result:
    case: Case
    world: str
    decisions: list[Decision]
    usual: tuple[float, float]  # share of runs flagged by "p95 +20 %" against the last run, and against the median of five

    def count(self, attribute: str) -> int:
        return sum(getattr(decision, attribute) for decision in self.decisions)

    def value(self, attribute: str) -> float:
        """Percent of the trials; runs: the mean number."""
        return self.count(attribute) / len(self.decisions) * (1 if attribute == "runs" else 100)

    def shown(self, attribute: str) -> str:
        return f"{self.value(attribute):.2f}" if attribute == "runs" else percent(self.count(attribute), len(self.decisions))


def simulate(world: str, profile: str, trials: int, seed: int, part: str = "") -> list[Result]:
    """Cases of one world and profile whose names contain `part`; top level, so that it can run in a process of its own.
    A case draws the same trials whichever other cases, worlds and profiles are measured beside it."""
    pool = Pool(PROFILES[profile], WORLDS[world], seed, POOL_RUNS)
    results = []
    for number, case in enumerate(CASES):
        if case.profile != profile or part not in case.name:
            continue
        generator = np.random.default_rng([seed, 2, list(WORLDS).index(world), number])
        decisions, usual = [], np.zeros(2)
        for _ in range(max(1, round(trials * case.share))):
            trial = draw_trial(generator, pool, case.change)
            decisions.append(decide(trial, TOLERANCES.get(profile, 0.20), proof_by_typical_alone=profile == "smoke"))
            usual += [_largest(rule(trial)) > USUAL_LIMIT for rule in (p95_last, p95_median)]
        results.append(Result(case, world, decisions, tuple(usual / len(decisions) * 100)))
    return results


def _largest(value: np.ndarray) -> float:
    return float(np.nanmax(value)) if np.isfinite(value).any() else -np.inf


def simulate_requests(seed: int) -> tuple[float, float]:
    """Share of unchanged medium runs in which Mann-Whitney and the bootstrap of requests flag some endpoint."""
    pool = Pool(PROFILES["medium"], Noise(), seed, REQUEST_POOL_RUNS, keep_requests=REQUEST_POOL_RUNS)
    generator = np.random.default_rng([seed, 3])
    flags = np.zeros(2)
    for _ in range(REQUEST_TRIALS):
        trial = draw_trial(generator, pool, Change("unchanged"))
        flags += mann_whitney(trial, pool).any(), bootstrap(trial, pool, generator).any()
    return tuple(flags / REQUEST_TRIALS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--trials", type=int, default=600, help="unchanged medium systems per world; fewer of the other cases")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    profiles = list(dict.fromkeys(case.profile for case in CASES))
    parser.add_argument("--world", nargs="+", choices=list(WORLDS), default=list(WORLDS), help="all by default")
    parser.add_argument("--profile", nargs="+", choices=profiles, default=profiles, help="all by default")
    parser.add_argument("--case", default="", metavar="TEXT", help="only cases whose names contain this")
    arguments = parser.parse_args()
    if not any(case.profile in arguments.profile and arguments.case in case.name for case in CASES):
        parser.error(f"no case of {', '.join(arguments.profile)} is called like {arguments.case!r}")
    everything = (arguments.world, arguments.profile, arguments.case) == (list(WORLDS), profiles, "")
    started = time.monotonic()
    with ProcessPoolExecutor(arguments.jobs) as executor:
        requests = executor.submit(simulate_requests, arguments.seed) if everything else None
        tasks = [
            executor.submit(simulate, world, profile, arguments.trials, arguments.seed, arguments.case)
            for profile in arguments.profile
            for world in arguments.world
        ]
        results = {(one.case.name, one.world): one for task in tasks for one in task.result()}
        by_requests = requests.result() if requests else None
    print_tables(results)
    if by_requests:
        shares = [f"{share:.0%}" for share in by_requests]
        print(f"Judges of requests, unchanged, medium, laboratory: Mann-Whitney flags {shares[0]}, a bootstrap {shares[1]}")
    print(f"{time.monotonic() - started:.0f} s\n")
    print_figures(results)


def print_tables(results: dict[tuple[str, str], Result]) -> None:
    for case in CASES:
        mine = {world: results[case.name, world] for world in WORLDS if (case.name, world) in results}
        if not mine:
            continue
        columns = [attribute for attribute, _ in case.bars]
        print(f"\n{case.name} ({len(next(iter(mine.values())).decisions)} trials a world)")
        print(f"{'':12}" + "".join(f"{column:>14}" for column in columns) + "   usual rule: last run, median of 5")
        for world, one in mine.items():
            cells = "".join(f"{one.shown(column):>14}" for column in columns)
            print(f"{world:12}{cells}   {one.usual[0]:18.0f} % {one.usual[1]:12.0f} %")
    print()


def print_figures(results: dict[tuple[str, str], Result]) -> None:
    """Of each case the worst world and the mean; worst is the largest where the bar is an upper one, else the smallest."""
    for case in CASES:
        worlds = [world for world in WORLDS if (case.name, world) in results]
        if not worlds:
            continue
        for attribute, bar in case.bars:
            values = {world: results[case.name, world].value(attribute) for world in worlds}
            upper = bar.startswith("<=") or (bar == "-" and attribute == "flagged" and "unchanged" in case.name)
            worst = (max if upper else min)(values, key=values.get)
            label = "".join(sign if sign.isalnum() else "_" for sign in case.name.replace(" %", "")).replace("__", "_")
            unit = "runs" if attribute == "runs" else "%"
            figure(f"gate_{label}_{attribute}_worst[{worst}]", values[worst], unit, bar)
            figure(f"gate_{label}_{attribute}_mean", float(np.mean(list(values.values()))), unit)


if __name__ == "__main__":
    main()
