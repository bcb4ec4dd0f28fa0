"""p-values when many endpoints and metrics are looked at."""

from __future__ import annotations

import numpy as np


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values (Benjamini & Hochberg 1995, step-up) of a 1-d array; NaN entries take no part and stay NaN."""
    adjusted = np.full(len(p), np.nan)
    judged = np.flatnonzero(np.isfinite(p))
    if not len(judged):
        return adjusted
    order = judged[np.argsort(p[judged], kind="stable")]
    ranks = np.arange(1, len(order) + 1)
    scaled = p[order] * len(order) / ranks
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def over_metrics_and_endpoints(p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Adjust p-values of metrics x endpoints: Bonferroni over the metrics judged at an endpoint, weighted (a metric with
    twice the weight gets twice the share of the error budget); Benjamini-Hochberg of the endpoints' smallest. An
    endpoint's other metrics keep their own Bonferroni value if that is larger."""
    judged = np.isfinite(p)
    budget = np.where(judged, weights[:, None], 0.0)
    share = budget / np.maximum(budget.sum(axis=0), np.finfo(float).tiny)
    corrected = np.where(judged, np.minimum(p / np.where(judged, share, 1.0), 1.0), np.nan)
    smallest = np.where(judged.any(axis=0), np.min(np.where(judged, corrected, np.inf), axis=0), np.nan)
    return np.where(judged, np.fmax(corrected, benjamini_hochberg(smallest)), np.nan)
