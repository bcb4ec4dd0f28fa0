"""Simulated side-by-side comparisons: requests of two builds that take turns on one noisy host.

Six worlds, unlike each other in how their noise is made. Each comparison draws its own endpoints, its own host and its own
two processes; a change multiplies the latencies of the candidate's requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SETTLE_S = 0.3


@dataclass(frozen=True)
class SliceWorld:
    """Spreads are on the log scale.

    `host_sd`, `host_memory_s`: what all requests of a moment share; `own_sd`: the same of one endpoint alone; `process_sd`:
    what one process differs from another of the same build; `pause_every_s`, `pause_ms`: stops of the whole process, which
    all requests then wait for; `neighbor_share`: of the time in which everything takes 1.1 to 1.6 times as long;
    `miss_share`, `miss_factor`: a second mode, whose share wanders; `tail_df`: Student t instead of normal latencies;
    `clock_ms`: latencies are multiples of it; `growth`: of latencies over the whole run, with the data that is written.
    """

    name: str
    host_sd: float = 0.05
    host_memory_s: float = 10.0
    own_sd: float = 0.03
    process_sd: float = 0.01
    pause_every_s: float = 0.0
    pause_ms: float = 0.0
    neighbor_share: float = 0.0
    miss_share: float = 0.0
    miss_factor: float = 1.0
    tail_df: float = 0.0
    clock_ms: float = 0.0
    growth: float = 0.0


WORLDS = (
    SliceWorld("quiet host"),
    SliceWorld("busy neighbors", host_sd=0.10, host_memory_s=6.0, neighbor_share=0.25),
    SliceWorld("pauses", pause_every_s=8.0, pause_ms=120.0),
    SliceWorld("two modes", miss_share=0.15, miss_factor=6.0),
    SliceWorld("heavy tails, growing data", tail_df=3.0, growth=0.3),
    SliceWorld("coarse clock, restless endpoints", clock_ms=1.0, own_sd=0.08, process_sd=0.015),
)


@dataclass(frozen=True)
class Change:
    """What the candidate does: a factor on one endpoint (None: on all), on all its requests or on the slowest tenth."""

    factor: float = 1.0
    endpoint: int | None = None
    slowest_tenth: bool = False


@dataclass(frozen=True)
class Drawn:
    """One entry a request: endpoint, slice, side (0 base, 1 candidate), latency in ms; and the slices' sides."""

    endpoint: np.ndarray
    slice: np.ndarray
    side: np.ndarray
    latency_ms: np.ndarray
    order: np.ndarray


def draw(
    generator: np.random.Generator,
    world: SliceWorld,
    order: Sequence[int],
    *,
    slice_s: float = 4.0,
    rate: float = 52.0,
    endpoints: int = 9,
    change: Change = Change(),
) -> Drawn:
    """`order`: the side of each slice; `rate`: requests a second; the first SETTLE_S of each slice are left out."""
    sides = np.asarray(order)
    total_s = len(sides) * slice_s
    n = generator.poisson(rate * total_s)
    start = np.sort(generator.uniform(0, total_s, n))
    start = start[(start % slice_s) >= SETTLE_S]
    n = len(start)
    which = (start // slice_s).astype(int)
    side = sides[which]
    shares = generator.dirichlet(np.full(endpoints, 30.0))
    endpoint = generator.choice(endpoints, n, p=shares)
    median = np.exp(generator.uniform(np.log(4), np.log(60), endpoints))
    sigma = generator.uniform(0.2, 0.45, endpoints)
    spread = generator.standard_normal(n) if not world.tail_df else generator.standard_t(world.tail_df, n)
    spread = sigma[endpoint] * spread * (1.0 if not world.tail_df else 0.6)
    log_latency = np.log(median)[endpoint] + spread
    moment = (start * 2).astype(int)  # half seconds
    steps = int(total_s * 2) + 2
    log_latency += _wander(generator, steps, world.host_sd, 2 * world.host_memory_s)[moment]
    own = np.stack([_wander(generator, steps, world.own_sd, 2 * world.host_memory_s) for _ in range(endpoints)])
    log_latency += own[endpoint, moment]
    process = generator.standard_normal((2, endpoints)) * world.process_sd * np.sqrt(0.5)
    log_latency += process[side, endpoint] + world.growth * start / total_s
    if world.miss_share:
        share = world.miss_share * np.exp(_wander(generator, steps, 0.3, 60.0))[moment]
        log_latency[generator.uniform(size=n) < share] += np.log(world.miss_factor)
    slow = generator.uniform(size=n) < 0.02
    log_latency[slow] += np.log(generator.uniform(3, 6, int(slow.sum())))
    if world.neighbor_share:
        log_latency += _neighbors(generator, total_s, world.neighbor_share)[moment]
    touched = (side == 1) & ((endpoint == change.endpoint) if change.endpoint is not None else True)
    if change.slowest_tenth:
        for one in range(endpoints):
            mine = touched & (endpoint == one)
            if mine.any():
                touched[mine] = log_latency[mine] >= np.quantile(log_latency[mine], 0.9)
    log_latency[touched] += np.log(change.factor)
    latency = np.exp(log_latency)
    if world.pause_every_s:
        latency += _pauses(generator, start, total_s, world)
    if world.clock_ms:
        latency = np.maximum(np.round(latency / world.clock_ms), 1) * world.clock_ms
    return Drawn(endpoint, which, side, latency, sides)


def _wander(generator: np.random.Generator, steps: int, sd: float, memory: float) -> np.ndarray:
    """First-order autoregression, `memory` in steps."""
    from scipy.signal import lfilter

    keep = np.exp(-1 / memory)
    noise = generator.standard_normal(steps) * sd * np.sqrt(1 - keep**2)
    noise[0] = generator.standard_normal() * sd
    return lfilter([1.0], [1.0, -keep], noise)


def _neighbors(generator: np.random.Generator, total_s: float, share: float) -> np.ndarray:
    """Log factor of each half second: phases of 3 to 40 s."""
    steps = int(total_s * 2) + 2
    level = np.zeros(steps)
    busy = 0.0
    while busy < share * steps * generator.uniform(0, 2):
        length = int(generator.uniform(6, 80))
        begin = int(generator.uniform(0, steps))
        level[begin : begin + length] = np.log(generator.uniform(1.1, 1.6))
        busy += length
    return level


def _pauses(generator: np.random.Generator, start: np.ndarray, total_s: float, world: SliceWorld) -> np.ndarray:
    """Milliseconds that each request waits for the end of a pause."""
    count = generator.poisson(total_s / world.pause_every_s)
    waits = np.zeros(len(start))
    for begin in generator.uniform(0, total_s, count):
        length_s = generator.exponential(world.pause_ms / 1000)
        hit = (start >= begin) & (start < begin + length_s)
        waits[hit] += (begin + length_s - start[hit]) * 1000
    return waits
