"""Slow regressions over a year of weekly runs: our CUSUM against the anchor, a rolling baseline, and Apache Otava online.

    python -m benchmarks.bench_drift --seed 2026 [--systems 200] [--otava-systems 40] [--no-otava]

Each system has an anchor of 8 runs (medium profile) and then 52 weekly runs; one endpoint changes from week 6 on. All
judges see the same two series of that endpoint, typical latency and p95 with the host factor removed, and alarm when
either does. Otava needs other versions than we do: it is installed into `.venv-otava` on first use. Each figure is a line
`FIGURE name value unit bar ok|short`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.special import stdtr

from benchmarks.figures import figure
from benchmarks.simulator.noise import ENDPOINTS, PROFILES, Noise
from benchmarks.simulator.runs import Pool, World, make_run
from loadtest.gate.drift import detect_drift, drift_series
from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.fit import fit_metric
from loadtest.gate.statistics.judged_metrics import PROVING, values

ANCHOR_RUNS = 8
WEEKS = 52
ONSET = 5  # index of the first changed weekly run
CASES = {"flat": lambda week: 0.0, "+3 % a week": lambda week: week * np.log(1.03)}
CASES |= {f"step +{size} %": lambda week, size=size: np.log(1 + size / 100) for size in (10, 20, 30)}
ROLLING_RUNS = 8
ROLLING_LEVEL = 0.003
OTAVA_HOME = Path(__file__).resolve().parent.parent / ".venv-otava"


@dataclass(frozen=True)
class History:
    """One endpoint's two series (anchor runs first, then weekly runs), log differences to the anchor; and the noise of each."""

    series: list[np.ndarray]
    spreads: list[float]
    anchor_errors: list[float]


def simulate(generator: np.random.Generator, pool: Pool, change) -> History:
    world = World(generator, pool.shape, pool.noise)
    endpoint = ENDPOINTS[generator.integers(len(ENDPOINTS))]
    anchor = _runs(generator, pool, world, [2, 2, 2, 2], 0, endpoint, lambda week: None)
    weekly = _runs(generator, pool, world, [1] * WEEKS, ANCHOR_RUNS, endpoint, change)
    known = sorted(ENDPOINTS)
    series, spreads, errors = [], [], []
    for one in drift_series(anchor, weekly):
        if one.endpoint == endpoint:
            metric = next(metric for metric in PROVING if metric.name == one.metric)
            value, variance = values(anchor, known, metric)
            fit = fit_metric(value, variance)
            before = (value - fit.mu - fit.host[:, None])[:, known.index(endpoint)]
            series.append(np.concatenate([before, one.estimates]))
            spreads.append(one.sd)
            errors.append(one.anchor_error)
    return History(series, spreads, errors)


def _runs(generator, pool: Pool, world: World, sessions: list[int], first: int, endpoint: str, change) -> list[RunSummary]:
    runs = []
    effects = [(effect, session) for session, count in enumerate(sessions) for effect in world.session(count)]
    for index, (effect, session) in enumerate(effects):
        weeks = index - ONSET + 1
        factor = change(weeks) if weeks > 0 and first else 0.0
        summaries = pool.summaries[generator.integers(len(pool.summaries))]
        name = f"build-{first}-{session}"
        runs.append(make_run(summaries, effect, number=first + index, build=name, shift={endpoint: factor or 0.0}))
    return runs


def ours(history: History) -> int | None:
    """Week index of the first alarm; both series are looked at after each run."""
    alarms = []
    for series, spread, error in zip(history.series, history.spreads, history.anchor_errors, strict=True):
        weekly = series[ANCHOR_RUNS:]
        alarms += [end for end in range(WEEKS) if detect_drift(weekly[: end + 1], spread, error) is not None][:1]
    return min(alarms, default=None)


def rolling(history: History) -> int | None:
    """A baseline renewed each week: each run against the last 8 by a t prediction at .003, and at least +5 %."""
    alarms = []
    for series in history.series:
        for week in range(WEEKS):
            before, now = series[ANCHOR_RUNS + week - ROLLING_RUNS : ANCHOR_RUNS + week], series[ANCHOR_RUNS + week]
            difference = now - before.mean()
            error = before.std(ddof=1) * np.sqrt(1 + 1 / ROLLING_RUNS)
            if difference >= np.log(1.05) and stdtr(ROLLING_RUNS - 1, -difference / error) < ROLLING_LEVEL:
                alarms.append(week)
                break
    return min(alarms, default=None)


def otava(histories: list[History]) -> list[int | None]:
    series = [list(np.exp(one) * 100) for history in histories for one in history.series]
    request = json.dumps({"series": series, "first": ANCHOR_RUNS})
    program = Path(__file__).resolve().parent / "simulator" / "otava_online.py"
    answer = subprocess.run(
        [otava_python(), str(program)], input=request, capture_output=True, text=True, check=True, timeout=3600
    )
    alarms = json.loads(answer.stdout)
    pairs = [alarms[index : index + 2] for index in range(0, len(alarms), 2)]
    return [min((one - ANCHOR_RUNS for one in pair if one is not None), default=None) for pair in pairs]


def otava_python() -> str:
    """The Python of Otava's own environment, made on first use."""
    python = OTAVA_HOME / "bin" / "python"
    if not python.exists():
        print(f"installing apache-otava into {OTAVA_HOME.name} ...", file=sys.stderr)
        venv.create(OTAVA_HOME, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-qq", "apache-otava==0.8.0"], check=True)
    return str(python)


def report(judge: str, case: str, alarms: list[int | None]) -> dict[str, float]:
    """One line of the table: early or false alarms, share found, delay, size of a drift when found."""
    if case == "flat":
        builds = sum(WEEKS if alarm is None else alarm + 1 for alarm in alarms)
        false = sum(alarm is not None for alarm in alarms)
        print(f"{case:12} {judge:8} {false:4} false alarms in {builds} runs of an endpoint ({len(alarms)} systems)")
        return {"false": false / builds * 1000}
    early = sum(alarm is not None and alarm < ONSET for alarm in alarms)
    found = [alarm - ONSET + 1 for alarm in alarms if alarm is not None and alarm >= ONSET]
    share = len(found) / max(len(alarms) - early, 1)
    delay = float(np.median(found)) if found else np.inf
    line = f"{case:12} {judge:8} found {share:6.1%}, after {delay:4.0f} runs (median)"
    if case.endswith("a week"):
        line += f", at x{1.03**delay:.2f}"
    print(f"{line}; {early} early alarms")
    return {"found": share * 100, "delay": delay, "factor": 1.03**delay}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--otava-systems", type=int, default=40, help="Otava is slow: the first so many of the systems")
    parser.add_argument("--no-otava", action="store_true")
    arguments = parser.parse_args()
    pool = Pool(PROFILES["medium"], Noise(), arguments.seed, 200)
    facts = {}
    for number, (case, change) in enumerate(CASES.items()):
        generator = np.random.default_rng([arguments.seed, 4, number])
        histories = [simulate(generator, pool, change) for _ in range(arguments.systems)]
        facts["ours", case] = report("ours", case, [ours(history) for history in histories])
        facts["rolling", case] = report("rolling", case, [rolling(history) for history in histories])
        if not arguments.no_otava:
            facts["otava", case] = report("otava", case, otava(histories[: arguments.otava_systems]))
    weekly = "+3 % a week"
    print()
    figure("drift_3_percent_a_week_found", facts["ours", weekly]["found"], "%", ">=100")
    figure("drift_3_percent_a_week_factor", facts["ours", weekly]["factor"], "x", "<=1.2")
    for judge in ("ours", "rolling", "otava"):
        if (judge, "flat") in facts:
            figure(f"drift_false_alarms_{judge}", facts[judge, "flat"]["false"], "per_1000_runs", "-")
            figure(f"drift_found_{judge}", facts[judge, weekly]["found"], "%", "-")
            figure(f"drift_factor_{judge}", facts[judge, weekly]["factor"], "x", "-")


if __name__ == "__main__":
    main()
