"""At which load does a service stop holding its targets? From steps that held or did not, with what is not known about it.

Psychometric threshold estimation on a grid (Watson & Pelli 1983; Kontsevich & Tyler 1999): the chance that a step holds falls
from one to zero around the threshold, over a width that is not known either; every step may also come out wrong for a reason
that has nothing to do with the load (`LAPSE`). The posterior over both, with a flat prior on the logarithm of the threshold,
gives the median and the interval; with hardly any steps near the edge the interval is as wide as the gap between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

LAPSE = 0.02
WIDTHS = np.geomspace(0.01, 0.4, 25)  # of the edge, as a standard deviation of the logarithm of the load
GRID = 2_000
BEYOND = 2.0  # how far outside the loads that were tried the threshold may lie, as a factor
INTERVAL = (0.025, 0.5, 0.975)


@dataclass(frozen=True)
class Threshold:
    """`load` at which a step holds as often as not, its 95 % interval, and the standard deviation of its logarithm."""

    load: float
    low: float
    high: float
    log_sd: float


def threshold(loads: Sequence[float], held: Sequence[bool]) -> Threshold:
    """Of at least one step. Raises ValueError without any."""
    if not len(loads):
        raise ValueError("there is no step to tell a threshold from")
    logs, came = np.log(np.asarray(loads, float)), np.asarray(held, bool)
    edges = np.linspace(logs.min() - np.log(BEYOND), logs.max() + np.log(BEYOND), GRID)
    z = (edges[:, None, None] - logs[None, None, :]) / WIDTHS[None, :, None]
    chance = LAPSE + (1 - 2 * LAPSE) * ndtr(z)
    likelihood = np.log(np.where(came, chance, 1 - chance)).sum(axis=2)
    posterior = np.exp(likelihood - likelihood.max()).sum(axis=1)
    posterior /= posterior.sum()
    upto = np.cumsum(posterior)
    low, middle, high = (float(edges[np.searchsorted(upto, level)]) for level in INTERVAL)
    mean = float(posterior @ edges)
    log_sd = float(np.sqrt(posterior @ (edges - mean) ** 2))
    return Threshold(float(np.exp(middle)), float(np.exp(low)), float(np.exp(high)), log_sd)
