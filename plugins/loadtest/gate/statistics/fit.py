"""The noise model: y[run, endpoint] = mu[endpoint] + m[run] + noise, per metric, on the log scale.

`m` is what all endpoints of a run share (the host that day). It is estimated robustly over the endpoints, so that one
regressed endpoint does not look like a slow host. What is left is the between-run noise of each endpoint. Eight runs
tell little about one endpoint's variance, so it is shrunk towards what all endpoints say (empirical Bayes: Smyth 2004,
"limma"), after dividing out what is expected from the number of requests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, polygamma

from loadtest.gate.statistics.sessions import SESSION_SD, concentration, independence, session_share, session_variance

LEAST_BASELINE_RUNS = 3  # of an endpoint, before it has a location and a variance of its own
LEAST_TREND_RUNS = 4  # later runs, before their spread around a line says anything
LEAST_NOISE = 0.01  # between runs, log scale: nothing is quieter than 1 %
LEAST_OWN_SHARE = 0.2  # of an endpoint's within-run variance, whatever the endpoints have in common
HUBER = 1.5
HUBER_STEPS = 5
# Run effects have heavier tails than the normal distribution behind a t test, and shrinking makes an estimated variance
# look better known than such tails allow. How heavy they are, the baseline's residuals tell (their kurtosis, shrunk towards
# a prior); that limits the degrees of freedom of the between-run part and of all. A few slow phases dominate the within-run
# part; a variance that was only assumed is hardly known at all.
PRIOR_KURTOSIS, PRIOR_RESIDUALS = 0.6, 60.0
LEAST_TAIL_DF, MOST_TAIL_DF = 6.0, 20.0
WITHIN_DF = 12.0
ASSUMED_DF = 6.0
MOST_PRIOR_DF = 60.0
# How unlike each other endpoints are by nature: the variance of their log variances. A handful of endpoints hardly tells, and
# where eight runs happen to look alike it would be taken for none at all; so it is shrunk to what services usually show.
PRIOR_SPREAD, PRIOR_SPREAD_ENDPOINTS = 0.4, 8.0
RESPONSE_SD = 0.1  # endpoints do not follow the host alike: noise of an endpoint per change of the host
DOUBTED = 1.5  # where a probe says what to expect: distances, in standard errors, from which on an endpoint is doubted
HOST_STEPS = 6


@dataclass(frozen=True)
class MetricFit:
    """What the baseline says of one metric. Arrays have one entry per endpoint, NaN where there are too few runs."""

    runs: np.ndarray  # baseline runs that have this endpoint's metric
    mu: np.ndarray
    mu_variance: np.ndarray
    within: np.ndarray  # mean within-run variance of the baseline's runs, without what endpoints have in common
    common_within: float  # the part of the within-run variance that all endpoints share, so that the host's factor removes it
    between: np.ndarray  # variance between runs beyond the within-run part
    df: np.ndarray  # of the between-run variance
    host: np.ndarray  # per baseline run, mean 0
    host_variance: float  # of the true factor, its estimation error taken out
    share: float  # of the between-run variance that runs of one session have in common
    sessions_df: float  # of the baseline's sessions, less one
    usual_session_sd: float  # of this metric
    assumed: float  # variance of other hours and builds, which the baseline has not seen
    tail_df: float  # what the residuals' kurtosis leaves of the degrees of freedom

    @property
    def judged(self) -> np.ndarray:
        return np.isfinite(self.mu)

    @property
    def session(self) -> np.ndarray:
        """Variance of what a new session may bring to an endpoint."""
        return session_variance(self.share * self.between, self.sessions_df, self.usual_session_sd)


@dataclass(frozen=True)
class Score:
    """Difference of candidate runs to the baseline, host factor removed; per endpoint, log scale."""

    difference: np.ndarray
    standard_error: np.ndarray
    df: np.ndarray
    host: float  # mean common factor of the candidate runs
    host_error_variance: float  # of that mean, from the endpoints' noise alone
    raw: np.ndarray  # the difference with the host's factor in it
    noise: np.ndarray  # standard error of `raw` from the endpoint's own noise
    averaging: np.ndarray  # variance that more runs of the session average out


def fit_metric(
    value: np.ndarray,
    variance: np.ndarray,
    later: np.ndarray | None = None,
    sessions: np.ndarray | None = None,
    assumed_sd: float = 0.0,
    usual_session_sd: float = SESSION_SD,
) -> MetricFit:
    """Fit K baseline runs x E endpoints (NaN: missing). `variance` is the within-run variance of each value.

    `later`: accepted runs since, R x E in order of time. They tell how much runs differ, never where the baseline is.
    `sessions`: the session of each baseline run (each its own by default); `assumed_sd`: see `Basis`;
    `usual_session_sd`: what a new session usually brings to this metric.
    """
    value = np.where(np.isfinite(value).sum(axis=0) >= LEAST_BASELINE_RUNS, value, np.nan)
    sessions = np.arange(len(value)) if sessions is None else sessions
    present = np.isfinite(value)
    runs = present.sum(axis=0)
    usable = runs >= LEAST_BASELINE_RUNS
    mu, host = _locations(value)
    residual = value - mu - host[:, None]
    endpoints = int(usable.sum())
    # the host factors use up one degree of freedom per run, shared by the endpoints
    df = np.where(usable, (runs - 1) * (1 - 1 / max(endpoints, 1) if endpoints > 1 else 1.0), np.nan)
    within = _mean(np.where(present, variance, np.nan), axis=0)
    squares = _sum(residual**2, axis=0)
    common_within = _common_within(within, squares, df) if endpoints > 1 else 0.0
    within = without_common(within, common_within)
    if later is not None and len(later):
        more_squares, more_df = spread_around_trend(later)
        squares, df = squares + np.where(usable, more_squares, 0.0), df + more_df
    observed = squares / np.where(usable, df, 1.0)
    observed = np.where(usable, observed, np.nan)
    total, _ = shrink_variances(observed, df, within)
    share = _session_share(residual, total, within, usable, sessions)
    # runs of a session repeat each other, so they tell less of the variance than as many independent ones
    total, total_df = shrink_variances(observed, df * independence(share, sessions), within)
    between = np.where(usable, np.maximum(total - within, LEAST_NOISE**2), np.nan)
    error = _mean_error(between + within, usable)
    host_variance = max(float(np.var(host, ddof=1)) - error, 0.0) if endpoints > 1 and len(host) > 1 else 0.0
    standardized = (residual / np.sqrt(between + within))[:, usable]
    count = np.maximum(runs, 1)
    sessions_df = float(len(np.unique(sessions)) - 1)
    common = (session_variance(share * between, sessions_df, usual_session_sd) + assumed_sd**2) * concentration(sessions)
    return MetricFit(
        runs=runs,
        mu=np.where(usable, mu, np.nan),
        mu_variance=np.where(usable, common + ((1 - share) * between + within) / count, np.nan),
        within=within,
        common_within=common_within,
        between=between,
        df=total_df,
        host=host,
        host_variance=host_variance,
        share=share,
        sessions_df=sessions_df,
        usual_session_sd=usual_session_sd,
        assumed=assumed_sd**2,
        tail_df=tail_df(standardized),
    )


def _common_within(within: np.ndarray, squares: np.ndarray, df: np.ndarray) -> float:
    """What a host that goes up and down during a run adds to every endpoint's within-run variance. It moves all of them alike, so
    it goes with the run's common factor, and the residuals do not have it: it is what they lack beside the within-run variances,
    less one standard error of theirs. 0 where they lack nothing."""
    known = np.isfinite(within) & (df > 0)
    if not known.any():
        return 0.0
    total_df = float(df[known].sum())
    observed = float(squares[known].sum()) / total_df * (1 + np.sqrt(2 / total_df))
    return max(float(np.average(within[known], weights=df[known])) - observed, 0.0)


def without_common(variance: np.ndarray, common: float) -> np.ndarray:
    """Within-run variances less their common part; what an endpoint has alone is never less than LEAST_OWN_SHARE of it."""
    return np.maximum(variance - common, LEAST_OWN_SHARE * variance)


def _session_share(
    residual: np.ndarray, total: np.ndarray, within: np.ndarray, usable: np.ndarray, sessions: np.ndarray
) -> float:
    """`sessions.session_share` of residuals whose expected variance is `total`, but for endpoints that are not judged."""
    total = np.maximum(total, within + LEAST_NOISE**2)
    within_share = float(np.mean((within / total)[usable])) if usable.any() else 0.0
    return session_share((residual / np.sqrt(total))[:, usable], within_share, sessions)


def tail_df(standardized: np.ndarray) -> float:
    """Degrees of freedom of the t distribution with the residuals' excess kurtosis, 6 / (df - 4), shrunk to a prior."""
    known = standardized[np.isfinite(standardized)]
    excess = float(np.mean(known**4) / np.mean(known**2) ** 2) - 3 if known.size and np.any(known) else 0.0
    shrunken = (known.size * excess + PRIOR_RESIDUALS * PRIOR_KURTOSIS) / (known.size + PRIOR_RESIDUALS)
    return float(np.clip(4 + 6 / max(shrunken, 0.1), LEAST_TAIL_DF, MOST_TAIL_DF))


def spread_around_trend(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of squares and degrees of freedom per endpoint of runs (rows, in order of time) around their own straight line,
    the runs' common factors removed: a drift must not pass for noise. 0 and 0 for endpoints in fewer than 4 runs."""
    _, host = _locations(value)
    clean = value - host[:, None]
    present = np.isfinite(clean)
    count = present.sum(axis=0)
    order = np.arange(len(value), dtype=float)[:, None]
    time = np.where(present, order - _mean(np.where(present, order, np.nan), axis=0), 0.0)
    level = np.where(present, clean - _mean(clean, axis=0), 0.0)
    slope = (time * level).sum(axis=0) / np.maximum((time**2).sum(axis=0), 1e-12)
    enough = count >= LEAST_TREND_RUNS
    endpoints = max(int(enough.sum()), 1)
    shared = 1 - 1 / endpoints if endpoints > 1 else 1.0
    squares = (np.where(present, level - slope * time, 0.0) ** 2).sum(axis=0)
    return np.where(enough, squares, 0.0), np.where(enough, (count - 2) * shared, 0.0)


def _locations(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Endpoint locations and run factors by alternating Huber means; with one endpoint there is no common factor."""
    host = np.zeros(value.shape[0])
    mu = huber_location(value, axis=0)
    if np.isfinite(mu).sum() < 2:
        return mu, host
    for _ in range(4):
        host = np.nan_to_num(huber_location(value - mu, axis=1))
        host = host - host.mean()
        mu = huber_location(value - host[:, None], axis=0)
    return mu, host


def huber_location(value: np.ndarray, axis: int) -> np.ndarray:
    """Huber's M-estimate of location of a 2-d array along `axis`, NaN ignored; scale from the median absolute deviation."""
    rows = value.T if axis == 0 else value
    present = np.isfinite(rows)
    filled = np.where(present, rows, 0.0)
    center = _row_medians(rows)[:, None]
    scale = np.maximum(1.4826 * _row_medians(np.abs(rows - center))[:, None], LEAST_NOISE / 4)
    with np.errstate(all="ignore"):
        for _ in range(HUBER_STEPS):
            distance = np.abs(filled - center) / scale
            weight = present * (HUBER / np.maximum(distance, HUBER))
            center = (weight * filled).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    return center[:, 0]


def shrink_variances(observed: np.ndarray, df: np.ndarray, within: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior variance and degrees of freedom per endpoint; NaN entries stay NaN.

    `observed` variances differ because endpoints differ in requests (`within`) and in nature. The first is divided out:
    ratio = observed / (within + pooled between). The ratios' spread beyond what `df` explains says how far to shrink.
    """
    usable = np.isfinite(observed) & (df > 0)
    if not usable.any():
        return observed, df
    excess = np.maximum(observed[usable] - within[usable], 0.0)
    pooled = max(float(np.average(excess, weights=df[usable])), LEAST_NOISE**2)
    expected = within + pooled
    ratio = np.maximum(observed / expected, 1e-6)
    prior_ratio, prior_df = _prior(ratio[usable], df[usable])
    total_df = np.where(usable, df + prior_df, df)
    total = np.where(usable, expected * (prior_df * prior_ratio + df * ratio) / total_df, observed)
    return np.maximum(total, within), total_df


def _prior(ratio: np.ndarray, df: np.ndarray) -> tuple[float, float]:
    """Scale and degrees of freedom of the scaled F prior by moments of log variances (limma's fitFDist)."""
    if len(ratio) < 2:
        return float(ratio.mean()), 0.0
    # a single zero variance (identical runs) must not drag the mean of logs down
    logs = np.log(np.maximum(ratio, 1e-3 * np.median(ratio)))
    centered = logs - digamma(df / 2) + np.log(df / 2)
    mean = float(centered.mean())
    seen = float(centered.var(ddof=1) - polygamma(1, df / 2).mean())
    others = len(logs) - 1
    spread = (others * seen + PRIOR_SPREAD_ENDPOINTS * PRIOR_SPREAD) / (others + PRIOR_SPREAD_ENDPOINTS)
    if spread <= 0:
        return float(np.exp(mean)), MOST_PRIOR_DF
    half = _inverse_trigamma(spread)
    scale = float(np.exp(mean + digamma(half) - np.log(half)))
    return scale, float(min(2 * half, MOST_PRIOR_DF))


def _inverse_trigamma(value: float) -> float:
    """Solve trigamma(x) = value by Newton's method (Smyth 2004, appendix)."""
    if value > 1e7:
        return 1 / np.sqrt(value)
    if value < 1e-6:
        return 1 / value
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x


def score(
    fit: MetricFit, value: np.ndarray, variance: np.ndarray, expected: tuple[np.ndarray, np.ndarray] | None = None
) -> Score:
    """Judge k candidate runs of one session x E endpoints against the fit: the mean difference, with its error.

    `expected`: each run's common factor as the host probe foretells it, and the variance of what it leaves.
    """
    judged = np.isfinite(value) & fit.judged
    # one run's own estimate of its within-run variance may be small by luck; the baseline's mean over its runs is steadier
    variance = np.maximum(without_common(variance, fit.common_within), fit.within)
    difference = np.where(judged, value - fit.mu, np.nan)
    noise = np.where(judged, fit.session + (1 - fit.share) * fit.between + fit.assumed + variance, np.nan)
    host, host_error, run_host, run_error = _candidate_host(fit, difference, noise, expected)
    cleaned = difference - host
    count = judged.sum(axis=0)
    k = np.maximum(count, 1)

    def averaged(each: np.ndarray) -> np.ndarray:
        return np.where(count > 0, np.nansum(np.where(judged, each, 0.0), axis=0) / k, np.nan)

    within = np.nansum(np.where(judged, variance, 0.0), axis=0) / k**2
    own = within + np.nansum(np.where(judged, host_error, 0.0), axis=0) / k**2
    alone = (1 - fit.share) * fit.between / k
    between = fit.session + alone
    common = float(np.mean(run_host)) if len(run_host) else 0.0
    between = between + (RESPONSE_SD * common) ** 2
    error = np.sqrt(own + between + fit.assumed + fit.mu_variance)
    df = effective_df(
        (between + fit.mu_variance, np.minimum(fit.df, fit.tail_df)),
        (own, WITHIN_DF),
        (fit.assumed, ASSUMED_DF),
        most=fit.tail_df,
    )
    return Score(
        difference=averaged(cleaned),
        standard_error=np.where(count > 0, error, np.nan),
        df=df,
        host=common,
        host_error_variance=float(np.mean(run_error)) / max(len(run_error), 1) if len(run_error) else 0.0,
        raw=averaged(difference),
        noise=np.sqrt(within + between + fit.assumed + fit.mu_variance),
        averaging=own + alone,
    )


def effective_df(*parts: tuple[np.ndarray | float, np.ndarray | float], most: float) -> np.ndarray:
    """Degrees of freedom of a sum of estimated variances, each with its own (Satterthwaite 1946), at most `most`."""
    total = sum(variance for variance, _ in parts)
    return np.minimum(total**2 / sum(variance**2 / df for variance, df in parts), most)


def _candidate_host(
    fit: MetricFit, difference: np.ndarray, noise: np.ndarray, expected: tuple[np.ndarray, np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Common factor of each candidate run, for each endpoint from the OTHER endpoints (k x E), with its error variance;
    and from all endpoints (k). Shrunk towards what is expected (nothing, without a probe) as far as the hosts' spread
    and the endpoints' noise demand."""
    runs, _ = difference.shape
    present = np.isfinite(difference)
    spread = noise + fit.mu_variance
    if expected is None:
        # eight runs may show a quiet host by luck; never believe it quieter than the endpoints themselves
        typical = float(np.median(spread[present])) if present.any() else 1.0
        prior_at, prior = np.zeros((runs, 1)), np.full((runs, 1), 1 / max(fit.host_variance, typical))
        center = np.nan_to_num(huber_location(difference, axis=1))[:, None] if present.any() else np.zeros((runs, 1))
        distance = np.nan_to_num(np.abs(difference - center) / np.sqrt(spread))
        robust = np.minimum(1.0, HUBER / np.maximum(distance, 1e-12))
    else:
        prior_at, prior = expected[0][:, None], 1 / expected[1][:, None]
        center = prior_at
        for _ in range(HOST_STEPS):
            distance = np.nan_to_num(np.abs(difference - center) / np.sqrt(spread + 1 / prior))
            robust = 1 / (1 + (distance / DOUBTED) ** 2)
            weight = np.where(present, robust / np.where(present, spread, 1.0), 0.0)
            total = (weight * np.nan_to_num(difference)).sum(axis=1, keepdims=True)
            center = (total + prior * prior_at) / (weight.sum(axis=1, keepdims=True) + prior)
    weight = np.where(present, robust / np.where(present, spread, 1.0), 0.0)
    weighted = weight * np.nan_to_num(difference)
    total_weight, total = weight.sum(axis=1, keepdims=True), weighted.sum(axis=1, keepdims=True) + prior * prior_at
    others = total_weight - weight + prior
    return (
        (total - weighted) / others,
        1 / others,
        (total / (total_weight + prior))[:, 0],
        (1 / (total_weight + prior))[:, 0],
    )


def _mean_error(noise: np.ndarray, usable: np.ndarray) -> float:
    """Variance of a run's estimated common factor that comes from the endpoints' own noise."""
    count = int(usable.sum())
    return float(np.mean(noise[usable])) / count if count else 0.0


def _mean(value: np.ndarray, axis: int) -> np.ndarray:
    count = np.isfinite(value).sum(axis=axis)
    return np.where(count > 0, np.nansum(value, axis=axis) / np.maximum(count, 1), np.nan)


def _sum(value: np.ndarray, axis: int) -> np.ndarray:
    return np.nansum(value, axis=axis)


def _row_medians(rows: np.ndarray) -> np.ndarray:
    """nanmedian of each row, many times faster on small arrays; NaN for a row without values."""
    ordered = np.sort(rows, axis=1)  # NaN last
    count = np.isfinite(rows).sum(axis=1)
    index = np.arange(len(rows))
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, rows.shape[1] - 1)
    return np.where(count > 0, (ordered[index, low] + ordered[index, high]) / 2, np.nan)
