"""Did an endpoint fail more often than its baseline lets us expect?

With X errors in N baseline requests and Jeffreys' prior, the errors of a new run of n requests follow a negative
binomial distribution with size X + 1/2 and success chance N / (N + n): right for zero and for sparse counts, where the
usual normal approximations are not. Errors come in bursts; where the baseline's runs differ more than counting explains,
all counts are divided by that dispersion first (quasi-likelihood; Wedderburn 1974).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from loadtest.gate.records.summaries import RunSummary
from loadtest.gate.statistics.multiplicity import benjamini_hochberg

ERROR_LEVEL = 0.002
LEAST_RISE = 0.002  # 0.2 points


@dataclass(frozen=True)
class ErrorRate:
    """Errors of one endpoint against its baseline; `upper` is the one-sided 95 % bound of the candidate's rate."""

    endpoint: str
    errors: int
    n: int
    baseline_errors: int
    baseline_n: int
    dispersion: float
    p_adjusted: float
    upper: float

    @property
    def rate(self) -> float:
        return self.errors / self.n

    @property
    def baseline_rate(self) -> float:
        return self.baseline_errors / self.baseline_n

    @property
    def risen(self) -> bool:
        return self.p_adjusted < ERROR_LEVEL and self.rate - self.baseline_rate >= LEAST_RISE


def compare_errors(baseline: Sequence[RunSummary], candidates: Sequence[RunSummary], endpoints: Sequence[str]) -> list[ErrorRate]:
    """Error rates of the candidates (pooled) for endpoints that both sides requested at all."""
    old, new = _counts(baseline, endpoints), _counts(candidates, endpoints)
    rows = [index for index in range(len(endpoints)) if old[:, index, 1].sum() > 0 and new[:, index, 1].sum() > 0]
    tests = []
    for index in rows:
        x_old, n_old = old[:, index, 0].sum(), old[:, index, 1].sum()
        x_new, n_new = new[:, index, 0].sum(), new[:, index, 1].sum()
        spread = dispersion(old[:, index, 0], old[:, index, 1])
        tests.append((index, x_new, n_new, x_old, n_old, spread, p_more_errors(x_new, n_new, x_old, n_old, spread)))
    adjusted = benjamini_hochberg(np.array([test[-1] for test in tests]))
    return [
        ErrorRate(
            endpoint=endpoints[index],
            errors=int(x_new),
            n=int(n_new),
            baseline_errors=int(x_old),
            baseline_n=int(n_old),
            dispersion=float(spread),
            p_adjusted=float(p),
            upper=upper_rate(x_new / spread, n_new / spread),
        )
        for (index, x_new, n_new, x_old, n_old, spread, _), p in zip(tests, adjusted, strict=True)
    ]


def p_more_errors(x_new: float, n_new: float, x_old: float, n_old: float, spread: float = 1.0) -> float:
    """P(at least x_new errors in n_new requests) given the baseline's counts; 1 for no errors."""
    x_new, n_new, x_old, n_old = (value / spread for value in (x_new, n_new, x_old, n_old))
    if x_new <= 0:
        return 1.0
    return float(betainc(x_new, x_old + 0.5, n_new / (n_old + n_new)))


def dispersion(errors: np.ndarray, requests: np.ndarray) -> float:
    """Pearson's chi-square over its degrees of freedom, never below 1."""
    used = requests > 0
    if used.sum() < 2 or errors[used].sum() == 0:
        return 1.0
    expected = requests[used] * errors[used].sum() / requests[used].sum()
    return max(1.0, float(np.sum((errors[used] - expected) ** 2 / expected) / (used.sum() - 1)))


def upper_rate(errors: float, n: float, confidence: float = 0.95) -> float:
    """Upper bound of an error rate (Clopper & Pearson 1934, one-sided)."""
    from scipy.special import betaincinv

    return 1.0 if errors >= n else float(betaincinv(errors + 1, n - errors, confidence))


def _counts(runs: Sequence[RunSummary], endpoints: Sequence[str]) -> np.ndarray:
    """errors and requests, runs x endpoints x 2."""
    column = {endpoint: index for index, endpoint in enumerate(endpoints)}
    counts = np.zeros((len(runs), len(endpoints), 2))
    for row, run in enumerate(runs):
        for summary in run.endpoints:
            if summary.endpoint in column:
                counts[row, column[summary.endpoint]] = summary.errors, summary.n
    return counts
