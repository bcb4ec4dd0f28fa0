"""How noise from run to run behaves: its size, and how much of it lasts into the next run."""

from __future__ import annotations

import numpy as np

_MOST = 0.7  # above, a short series cannot tell lasting noise from a trend


def lasting_share(residuals: np.ndarray) -> float:
    """Lag-1 autocorrelation of detrended values, corrected for the bias of short series (Marriott & Pope 1954), 0 to 0.7."""
    n = len(residuals)
    centered = residuals - residuals.mean()
    total = float(np.sum(centered**2))
    if n < 8 or total <= 0:
        return 0.0
    r = float(np.sum(centered[1:] * centered[:-1])) / total
    return float(np.clip(r + (1 + 4 * r) / n, 0.0, _MOST))


def lasting_share_despite_jumps(series: np.ndarray) -> float:
    """The same from consecutive differences, which a few jumps hardly touch: for noise x[t] = r x[t-1] + e the
    correlation of neighboring differences is -(1 - r) / 2. Short series tell little, so about one standard error is taken
    off: believing in lasting noise that is not there would hide most jumps of a dozen runs."""
    differences = np.diff(series)
    if len(differences) < 8:
        return 0.0
    reach = 3 * float(np.median(np.abs(differences))) / 0.6745
    calm = np.clip(differences, -reach, reach)
    total = float(np.sum(calm**2))
    if total <= 0:
        return 0.0
    correlation = float(np.sum(calm[1:] * calm[:-1])) / total
    uncertainty = 1.2 / np.sqrt(len(differences))
    return float(np.clip(1 + 2 * correlation - uncertainty, 0.0, _MOST))


def inflation(share: float) -> float:
    """By how much the variance of a mean grows when `share` of the noise lasts: (1 + r) / (1 - r)."""
    return (1 + share) / (1 - share)
