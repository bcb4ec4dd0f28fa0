"""What the simulated worlds are like. All spreads are on the log scale (0.05 = about 5 %).

Between runs:
- `host_sd`: what all endpoints of a run share (CPU frequency, neighbors on the hypervisor, the hour), Student t, 5 df, half of
  it by session; `week_sd` more by session; a rare busy neighbor; endpoints follow the host to different degrees;
- `endpoint_sd`: what one endpoint of one run has alone, Student t with 4 df (heavy tails: an outlier now and then);
  endpoints differ in nature: each one's sd is multiplied by exp(N(0, `heterogeneity`)); a part may be common to a group of
  endpoints (one table, one cache);
- `tail_sd`: the same for the slowest tenth of requests only;
- `session_share`: part of the endpoint and tail variance that consecutive runs of one build have in common (code
  layout, data, cache state): averaging confirmation runs does not remove it. Baselines span 4 sessions of 2 runs.
Within a run:
- lognormal latencies, a slow mode (2 % of requests, 3 to 6 times slower), an autocorrelated load (10 s memory) common to
  the endpoints, and noisy neighbors: slow phases of 1-6 % of the run in which everything takes 1.3 to 2 times as long;
- garbage collection that stops everything for a while, more often in some runs than in others; caches that miss, with a
  hit rate of its own in each run; a clock that ticks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ENDPOINTS = tuple(
    f"{method} /api/v1/{path}"
    for method, path in (
        ("GET", "students"),
        ("GET", "students/{id}"),
        ("GET", "courses"),
        ("GET", "courses/{id}"),
        ("GET", "grades"),
        ("GET", "attendance"),
        ("POST", "attendance"),
        ("POST", "auth/login"),
        ("GET", "analytics/dashboard"),
    )
)
SHARES = np.array([0.24, 0.20, 0.16, 0.12, 0.09, 0.08, 0.05, 0.04, 0.02])
MEDIAN_MS = np.array([12.0, 5.0, 10.0, 5.0, 15.0, 14.0, 8.0, 60.0, 45.0])
LOG_SIGMA = np.array([0.45, 0.40, 0.45, 0.40, 0.55, 0.50, 0.45, 0.25, 0.60])
SECONDS_PER_REQUEST_AND_USER = 1.5  # think time and latency together


@dataclass(frozen=True)
class ProfileShape:
    """How many requests a profile sends and how quiet its runs are: short runs vary more from run to run."""

    name: str
    users: int
    duration_s: float
    host_sd: float
    endpoint_sd: float
    tail_sd: float

    @property
    def requests(self) -> int:
        return int(self.users * self.duration_s / SECONDS_PER_REQUEST_AND_USER)


@dataclass(frozen=True)
class Noise:
    """One world: noise that does not depend on the profile. `*_scale` multiplies the profile's spreads."""

    heterogeneity: float = 0.35
    session_share: float = 0.2
    endpoint_scale: float = 1.0
    tail_scale: float = 1.0
    group_share: float = 0.0  # of an endpoint's variance, common to every third endpoint
    week_sd: float = 0.0
    neighbor_chance: float = 0.0  # of a run next to a neighbor that makes it 8 to 25 % slower
    response_sd: float = 0.0  # how differently endpoints follow the host
    probe_follows: float = 1.0
    probe_sd: float = 0.01
    slow_phase_chance: float = 0.3
    load_sd: float = 0.10
    load_memory_s: float = 10.0
    collections: bool = False
    cache_spread: float = 0.0  # of the logit of a run's hit rate; 0: no caches
    tick_ms: float = 0.0


WORLDS = {
    "laboratory": Noise(),
    "uneven": Noise(heterogeneity=0.55, endpoint_scale=1.15, session_share=0.45, group_share=0.4, response_sd=0.2, probe_sd=0.02),
    "collector": Noise(collections=True, slow_phase_chance=0.6, neighbor_chance=0.12, tail_scale=1.3, session_share=0.3),
    "caches": Noise(cache_spread=0.12, endpoint_scale=0.8, session_share=0.1),
    "ticks": Noise(tick_ms=1.0, endpoint_scale=0.9, session_share=0.6, probe_follows=0.8),
    "weeks": Noise(week_sd=0.05, response_sd=0.2, session_share=0.5, endpoint_scale=0.8, probe_follows=0.8, probe_sd=0.02),
}


PROFILES = {
    shape.name: shape
    for shape in (
        ProfileShape("smoke", 5, 30, host_sd=0.100, endpoint_sd=0.045, tail_sd=0.035),
        ProfileShape("light", 10, 300, host_sd=0.090, endpoint_sd=0.035, tail_sd=0.030),
        ProfileShape("medium", 50, 600, host_sd=0.075, endpoint_sd=0.030, tail_sd=0.020),
        ProfileShape("heavy", 100, 900, host_sd=0.060, endpoint_sd=0.025, tail_sd=0.020),
        ProfileShape("stress", 200, 600, host_sd=0.090, endpoint_sd=0.035, tail_sd=0.025),
    )
}


def student_t(generator: np.random.Generator, df: float, size: tuple[int, ...]) -> np.ndarray:
    """Student t scaled to variance 1 (df > 2)."""
    return generator.standard_t(df, size) * np.sqrt((df - 2) / df)
