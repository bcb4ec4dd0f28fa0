"""Simulated runs as the judge sees them.

Every run's requests are really drawn and really summarized, once, for a pool of runs without run effects. A trial then
draws runs from the pool and shifts them: a factor on all latencies of an endpoint adds its logarithm to each location
and leaves the variances alone, exactly; a factor on the slowest tenth adds to t10, p95, p99 and, a tenth of it, to lm.
So thousands of trials cost seconds, and every within-run property is that of summarized requests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.simulator.noise import ENDPOINTS, LOG_SIGMA, MEDIAN_MS, SHARES, Noise, ProfileShape, student_t
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.gate.statistics.summary import TAIL_SHARE, summarize_arrays
from loadtest.load.models import HostProbe
from loadtest.planning.models import HostClass

HOST = HostClass(cpu_model="simulated", cores=8, memory_gib=16, os="linux", python="3.11", locust="2.47", executor="local")
FIRST_DAY = datetime(2026, 1, 5, 2, tzinfo=UTC)
QUANTILES = ("log_p50", "log_p95", "log_p99")
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
    if noise.cache_spread:
        log_latency += _misses(generator, endpoint, noise)
    if generator.uniform() < noise.slow_phase_chance:
        length = generator.uniform(0.01, 0.06) * shape.duration_s
        begin = generator.uniform(0, shape.duration_s - length)
        log_latency[(start >= begin) & (start < begin + length)] += np.log(generator.uniform(1.3, 2.0))
    latency = np.exp(log_latency)
    if noise.collections:
        latency += _pauses_ms(generator, start, shape.duration_s)
    if noise.tick_ms:
        latency = np.maximum(np.round(latency / noise.tick_ms), 1) * noise.tick_ms
    return Requests(latency, start, endpoint)


def _misses(generator: np.random.Generator, endpoint: np.ndarray, noise: Noise) -> np.ndarray:
    """Log factor of requests that miss the cache: every other endpoint has one, with a hit rate of its own in each run."""
    usual = np.where(np.arange(len(ENDPOINTS)) % 2, np.inf, 1.5)
    logit = usual + noise.cache_spread * generator.standard_normal(len(ENDPOINTS))
    missed = generator.uniform(size=len(endpoint)) > (1 / (1 + np.exp(-logit)))[endpoint]
    return np.where(missed, np.log(5.0), 0.0)


def _pauses_ms(generator: np.random.Generator, start_s: np.ndarray, duration_s: float) -> np.ndarray:
    """What each request waits for a collection that is running when it comes; how often one comes differs between runs."""
    every_s = generator.uniform(3, 6)
    ends = np.cumsum(generator.exponential(every_s, int(3 * duration_s / every_s) + 10))
    lengths = generator.uniform(0.03, 0.15, len(ends))
    following = np.minimum(np.searchsorted(ends, start_s), len(ends) - 1)
    waits = ends[following] - start_s
    return np.where((waits >= 0) & (waits < lengths[following]), waits * 1000, 0.0)


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
    probe: float | None  # log change of the host probe; None: none was taken


class World:
    """One system under test: its endpoints' natures, drawn once; then sessions (builds) and runs of it."""

    def __init__(self, generator: np.random.Generator, shape: ProfileShape, noise: Noise) -> None:
        self.generator = generator
        self.shape = shape
        self.noise = noise
        size = len(ENDPOINTS)
        natures = np.exp(noise.heterogeneity * generator.standard_normal((2, size)))
        self.endpoint_sd = shape.endpoint_sd * noise.endpoint_scale * natures[0]
        self.tail_sd = shape.tail_sd * noise.tail_scale * natures[1]
        self.response = 1 + noise.response_sd * generator.standard_normal(size)

    def session(self, runs: int, host_shift: float = 0.0) -> list[Effects]:
        """Effects of consecutive runs of one build on one host; the host's factor moves half-way between them."""
        share = self.noise.session_share
        shift, tail = self._endpoint_noise(runs + 1), student_t(self.generator, 4, (runs + 1, len(ENDPOINTS)))
        mixed = [np.sqrt(share) * value[0] + np.sqrt(1 - share) * value[1:] for value in (shift, tail)]
        host = student_t(self.generator, 5, (runs + 1,)) * self.shape.host_sd
        week = self.noise.week_sd * self.generator.standard_normal() + host_shift
        neighbors = self.generator.uniform(size=runs) < self.noise.neighbor_chance
        hosts = np.sqrt(0.5) * (host[0] + host[1:]) + week + neighbors * self.generator.uniform(0.08, 0.22, runs)
        probes = self.noise.probe_follows * hosts + self.noise.probe_sd * self.generator.standard_normal(runs)
        return [
            Effects(
                mixed[0][run] * self.endpoint_sd + (self.response - 1) * hosts[run],
                mixed[1][run] * self.tail_sd,
                float(hosts[run]),
                float(probes[run]),
            )
            for run in range(runs)
        ]

    def _endpoint_noise(self, rows: int) -> np.ndarray:
        own = student_t(self.generator, 4, (rows, len(ENDPOINTS)))
        groups = student_t(self.generator, 4, (rows, 3))[:, np.arange(len(ENDPOINTS)) % 3]
        return np.sqrt(self.noise.group_share) * groups + np.sqrt(1 - self.noise.group_share) * own


def make_run(
    summaries: tuple[EndpointSummary, ...],
    effects: Effects,
    *,
    number: int,
    build: str | None,
    started_at: datetime | None = None,
    tick_ms: float = 0.0,
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
        endpoints.append(_on_ticks(shifted(summary, whole, slowest), tick_ms))
    return RunSummary.model_construct(
        run_id=f"run-{number:04d}",
        started_at=started_at or FIRST_DAY + timedelta(hours=7 * number),
        duration_s=600.0,
        digest="simulated",
        host_class=HOST,
        commit=build,
        versions={},
        rps=float(sum(summary.n for summary in summaries)) / 600.0,
        host_probe=None if effects.probe is None else _probe(effects.probe),
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


def _on_ticks(summary: EndpointSummary, tick_ms: float) -> EndpointSummary:
    """Quantiles that a clock with such ticks can show."""
    if not tick_ms or summary.log_p99 is None:
        return summary
    seen = {name: math.log(max(round(math.exp(getattr(summary, name)) / tick_ms), 1) * tick_ms) for name in QUANTILES}
    return EndpointSummary.model_construct(**(summary.__dict__ | seen))


def _probe(change: float) -> HostProbe:
    seconds = 0.02 * math.exp(change)
    return HostProbe.model_construct(
        cpu_before_s=seconds, cpu_after_s=seconds, loopback_before_s=seconds, loopback_after_s=seconds
    )
