"""Simulated runs as the judge sees them.

Every run's requests are really drawn and really summarized, once, for a pool of runs without run effects. A trial then
draws runs from the pool and shifts them: a factor on all latencies of an endpoint adds its logarithm to each location
and leaves the variances alone, exactly; a factor on the slowest tenth adds to t10, p95, p99 and, a tenth of it, to lm.
So thousands of trials cost seconds, and every within-run property is that of summarized requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.simulator.noise import ENDPOINTS, LOG_SIGMA, MEDIAN_MS, SHARES, Noise, ProfileShape, student_t
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.gate.statistics.summary import TAIL_SHARE, summarize_arrays
from loadtest.planning.models import HostClass

HOST = HostClass(cpu_model="simulated", cores=8, memory_gib=16, os="linux", python="3.11", locust="2.47", executor="local")
FIRST_DAY = datetime(2026, 1, 5, 2, tzinfo=UTC)
SESSION_RUNS = 2  # baseline runs of one build


@dataclass(frozen=True)
class Requests:
    """Requests of one run, without run effects."""

    latency_ms: np.ndarray
    start_s: np.ndarray
    endpoint: np.ndarray


def draw_requests(generator: np.random.Generator, shape: ProfileShape, noise: Noise) -> Requests:
    """One run: times uniform over the run, endpoints by their shares, latencies as `noise` describes."""
    n = generator.poisson(shape.requests)
    start = np.sort(generator.uniform(0, shape.duration_s, n))
    endpoint = generator.choice(len(ENDPOINTS), n, p=SHARES)
    log_latency = np.log(MEDIAN_MS)[endpoint] + LOG_SIGMA[endpoint] * generator.standard_normal(n)
    slow = generator.uniform(size=n) < 0.02
    log_latency[slow] += np.log(generator.uniform(3, 6, slow.sum()))
    log_latency += _load(generator, shape.duration_s, noise)[start.astype(int)]
    if generator.uniform() < noise.slow_phase_chance:
        length = generator.uniform(0.01, 0.06) * shape.duration_s
        begin = generator.uniform(0, shape.duration_s - length)
        log_latency[(start >= begin) & (start < begin + length)] += np.log(generator.uniform(1.3, 2.0))
    return Requests(np.exp(log_latency), start, endpoint)


def _load(generator: np.random.Generator, duration_s: float, noise: Noise) -> np.ndarray:
    """Autocorrelated load, one value per second (first-order autoregression)."""
    keep = np.exp(-1 / noise.load_memory_s)
    steps = generator.standard_normal(int(duration_s) + 1) * noise.load_sd * np.sqrt(1 - keep**2)
    level = np.empty_like(steps)
    level[0] = generator.standard_normal() * noise.load_sd
    for second in range(1, len(steps)):
        level[second] = keep * level[second - 1] + steps[second]
    return level


class Pool:
    """Runs of one profile without run effects, summarized; `requests` keeps the raw latencies of the first few."""

    def __init__(self, shape: ProfileShape, noise: Noise, seed: int, runs: int = 300, keep_requests: int = 0) -> None:
        generator = np.random.default_rng([seed, 1])
        self.shape = shape
        self.noise = noise
        self.summaries: list[tuple[EndpointSummary, ...]] = []
        self.requests: list[Requests] = []
        for index in range(runs):
            requests = draw_requests(generator, shape, noise)
            errors = np.zeros(len(requests.latency_ms), dtype=bool)
            self.summaries.append(summarize_arrays(requests.latency_ms, requests.start_s, requests.endpoint, errors, ENDPOINTS))
            if index < keep_requests:
                self.requests.append(requests)


@dataclass(frozen=True)
class Effects:
    """What one run adds to the pool's run, per endpoint in the order of ENDPOINTS, log scale."""

    shift: np.ndarray
    tail: np.ndarray
    host: float


class World:
    """One system under test: its endpoints' natures, drawn once; then sessions (builds) and runs of it."""

    def __init__(self, generator: np.random.Generator, shape: ProfileShape, noise: Noise) -> None:
        self.generator = generator
        self.shape = shape
        self.noise = noise
        self.endpoint_sd = shape.endpoint_sd * np.exp(noise.heterogeneity * generator.standard_normal(len(ENDPOINTS)))
        self.tail_sd = shape.tail_sd * np.exp(noise.heterogeneity * generator.standard_normal(len(ENDPOINTS)))

    def session(self, runs: int) -> list[Effects]:
        """Effects of consecutive runs of one build on one host; the host's factor moves half-way between them."""
        size = (runs + 1, len(ENDPOINTS))
        share = self.noise.session_share
        shift, tail = student_t(self.generator, 4, size), student_t(self.generator, 4, size)
        host = student_t(self.generator, 5, (runs + 1,)) * self.shape.host_sd
        mixed = [np.sqrt(share) * value[0] + np.sqrt(1 - share) * value[1:] for value in (shift, tail)]
        hosts = np.sqrt(0.5) * (host[0] + host[1:])
        return [Effects(mixed[0][run] * self.endpoint_sd, mixed[1][run] * self.tail_sd, float(hosts[run])) for run in range(runs)]


def make_run(
    summaries: tuple[EndpointSummary, ...],
    effects: Effects,
    *,
    number: int,
    build: str,
    shift: dict[str, float] | None = None,
    tail: dict[str, float] | None = None,
) -> RunSummary:
    """A pool run with its run effects and the injected changes (`shift`, `tail`: endpoint -> log factor)."""
    place = {name: index for index, name in enumerate(ENDPOINTS)}
    endpoints = []
    for summary in summaries:
        index = place[summary.endpoint]
        whole = effects.host + effects.shift[index] + (shift or {}).get(summary.endpoint, 0.0)
        slowest = effects.tail[index] + (tail or {}).get(summary.endpoint, 0.0)
        endpoints.append(shifted(summary, whole, slowest))
    return RunSummary.model_construct(
        run_id=f"run-{number:04d}",
        started_at=FIRST_DAY + timedelta(hours=7 * number),
        duration_s=600.0,
        digest="simulated",
        host_class=HOST,
        commit=build,
        versions={},
        rps=float(sum(summary.n for summary in summaries)) / 600.0,
        host_probe=None,
        endpoints=tuple(endpoints),
    )


def shifted(summary: EndpointSummary, whole: float, slowest: float) -> EndpointSummary:
    """All latencies times exp(whole), the slowest tenth times exp(slowest) on top."""
    if summary.lm is None or summary.var_lm is None:
        return summary
    values = dict(summary.__dict__)
    values["lm"] = summary.lm + whole + TAIL_SHARE * slowest
    values["log_p50"] = summary.log_p50 + whole
    values["log_p95"] = summary.log_p95 + whole + slowest
    values["log_p99"] = summary.log_p99 + whole + slowest
    values["t10"] = summary.t10 + whole + slowest
    values["sh"] = values["t10"] - values["lm"]
    return EndpointSummary.model_construct(**values)
