"""Findings beside single latencies: all endpoints together, error rates, throughput."""

from __future__ import annotations

import numpy as np

from loadtest import wording
from loadtest.gate.records.findings import Finding
from loadtest.gate.rules.endpoint_findings import Judging
from loadtest.gate.statistics.error_rates import ErrorRate, compare_errors
from loadtest.gate.statistics.global_factor import GLOBAL_LEVEL, GLOBAL_SUSPECT_LEVEL, GlobalFactor
from loadtest.vocabulary import Criterion, Outcome


def global_findings(judging: Judging, factor: GlobalFactor | None) -> list[Finding]:
    """All endpoints together slower: by the build (`fail`), by the host (`inconclusive`), or not."""
    if factor is None:
        return []
    decided = judging.decided
    raw, rest = factor.raw, factor.without_host
    level = GLOBAL_LEVEL if decided else GLOBAL_SUSPECT_LEVEL
    facts = (
        f"all endpoints together {wording.log_change(raw.change)} ({wording.log_interval(raw.low, raw.high)}), "
        f"{wording.plural(len(judging.basis.runs), 'baseline run')}, {wording.plural(len(judging.runs), 'run')}"
    )
    if rest is not None and factor.probe_change is not None:
        facts += f", host probe {wording.log_change(factor.probe_change)}"
    tolerance = float(np.median(judging.tolerance))
    suspect = False
    half = factor.half if factor.half is not None and factor.half.slower(level / 2) else None
    if rest is not None and half is not None and not rest.slower(level):
        outcome, suspect = _alarm(judging)
        sentence = (
            f"{facts}; half of them {wording.log_change(half.change)} beyond the host's change, p {wording.p_value(half.p)}: the "
            "build is slower in many places"
        )
        rest = half
    elif not (rest or raw).slower(level) and not raw.slower(level):
        proven = factor.bound < np.log1p(tolerance)
        outcome = Outcome.PASS if proven else Outcome.INCONCLUSIVE
        sentence = f"{facts}; " + (
            f"all endpoints, or half of them, slower by {wording.percent(tolerance)} is excluded"
            if proven
            else f"cannot exclude that all endpoints, or half of them, are {wording.log_change(factor.bound)} slower"
            + ("" if rest else ", since without a host probe the host's part is unknown")
        )
    elif rest is None:
        outcome, suspect = (Outcome.WARN, False) if decided else (Outcome.INCONCLUSIVE, True)
        sentence = f"{facts}, p {wording.p_value(raw.p)}; without a host probe nobody can tell the host from the build"
    elif not rest.slower(level):
        outcome = Outcome.INCONCLUSIVE
        sentence = (
            f"{facts}, p {wording.p_value(raw.p)}; beyond the host's change {wording.log_change(rest.change)}, "
            f"p {wording.p_value(rest.p)}: the host was slower, which says nothing about the build"
        )
    else:
        outcome, suspect = _alarm(judging)
        sentence = (
            f"{facts}, p {wording.p_value(raw.p)}; beyond the host's change {wording.log_change(rest.change)}, "
            f"p {wording.p_value(rest.p)}: the build is slower everywhere"
        )
    if suspect:
        sentence += "; suspect, not confirmed"
    shown = rest if rest is not None and outcome is not Outcome.PASS else raw
    return [
        Finding(
            criterion=Criterion.GLOBAL,
            outcome=outcome,
            sentence=sentence,
            metric="typical_ms",
            effect=float(np.expm1(shown.change)),
            interval=(float(np.expm1(shown.low)), float(np.expm1(shown.high))),
            p_adjusted=shown.p,
            suspect=suspect,
            evidence={
                "baseline_runs": len(judging.basis.runs),
                "runs": len(judging.runs),
                "host_factor": float(np.expm1(raw.change)),
                "host_factor_p": raw.p,
                "probe_change": None if factor.probe_change is None else float(np.expm1(factor.probe_change)),
                "without_host": None if rest is None else float(np.expm1(rest.change)),
                "without_host_p": None if rest is None else rest.p,
                "baseline_host_sd": factor.baseline_sd,
                "probe_slope": factor.slope,
                "common_bound": float(np.expm1(min(factor.bound, 20.0))),
            },
        )
    ]


def error_findings(judging: Judging) -> list[Finding]:
    """One finding per endpoint with errors now or before; nothing to say about endpoints that never failed."""
    names = sorted({summary.endpoint for run in judging.runs for summary in run.endpoints})
    rates = compare_errors(judging.basis.runs, judging.runs, names)
    return [_error_finding(judging, rate) for rate in rates if rate.errors or rate.baseline_errors]


def _error_finding(judging: Judging, rate: ErrorRate) -> Finding:
    outcome, suspect = Outcome.PASS, False
    sentence = (
        f"{rate.endpoint} errors {wording.percent(rate.rate)} ({rate.errors} of {rate.n}), "
        f"baseline {wording.percent(rate.baseline_rate)} ({rate.baseline_errors} of {rate.baseline_n}), "
        f"adj. p {wording.p_value(rate.p_adjusted)}"
    )
    if rate.risen:
        outcome, suspect = _alarm(judging)
    if suspect:
        sentence += "; suspect, not confirmed"
    return Finding(
        criterion=Criterion.ERRORS,
        outcome=outcome,
        sentence=sentence,
        endpoint=rate.endpoint,
        metric="error_rate",
        observed=rate.rate,
        reference=rate.baseline_rate,
        p_adjusted=rate.p_adjusted,
        n=rate.n,
        suspect=suspect,
        evidence={
            "errors": rate.errors,
            "baseline_errors": rate.baseline_errors,
            "baseline_n": rate.baseline_n,
            "dispersion": rate.dispersion,
            "rate_high": rate.upper,
            "runs": len(judging.runs),
        },
    )


def _alarm(judging: Judging) -> tuple[Outcome, bool]:
    """Outcome of something significant, and whether it is only a suspicion so far."""
    if not judging.decided:
        return Outcome.INCONCLUSIVE, True
    return (Outcome.FAIL if judging.basis.full_force else Outcome.WARN), False


def throughput_finding(judging: Judging) -> Finding:
    """Total requests per second, for information: in a closed loop they follow latency, in an open loop the plan."""
    now = float(np.mean([run.rps for run in judging.runs]))
    before = float(np.median([run.rps for run in judging.basis.runs]))
    change = now / before - 1 if before > 0 else 0.0
    return Finding(
        criterion=Criterion.THROUGHPUT,
        outcome=Outcome.PASS,
        sentence=(f"throughput {now:.1f} requests/s, baseline median {before:.1f} ({wording.change(change)}), for information"),
        metric="rps",
        observed=now,
        reference=before,
        effect=change,
    )
