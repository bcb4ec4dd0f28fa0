"""Findings of single endpoints: regressed, suspect, faster, shown to be within the tolerance, or too little evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from loadtest import wording
from loadtest.gate.records.findings import Finding
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.gate.statistics.comparability import Basis
from loadtest.gate.statistics.judge import INTERVAL_LEVEL, SUSPECT_LEVEL, Judgement
from loadtest.gate.statistics.judged_metrics import METRICS, P95, PROVING, TESTED, TYPICAL, JudgedMetric, values
from loadtest.vocabulary import Criterion, Outcome

WARN_LEVEL = 0.012
MANY_REQUESTS = 20  # of an endpoint in a run; where 20 are expected, chance leaves none once in 500 million runs
NEARLY_EVERY_RUN = 0.75  # of the baseline's


@dataclass(frozen=True)
class Judging:
    """What is judged against what; arrays per endpoint."""

    basis: Basis
    runs: tuple[RunSummary, ...]
    endpoints: tuple[str, ...]
    tolerance: np.ndarray
    least_effect: np.ndarray
    false_alarm_level: float
    decided: bool  # False: a suspicion asks for a confirmation run

    def of(self, endpoint: str) -> list[EndpointSummary]:
        """This endpoint's summary in each judged run that has it."""
        return [summary for run in self.runs for summary in run.endpoints if summary.endpoint == endpoint]

    def worst_bound(self, judgement: Judgement, endpoints: Sequence[str]) -> str:
        """The largest change that these endpoints cannot exclude, or that there is no evidence at all."""
        uppers = [bound for name in endpoints if (bound := upper_bound(judgement, self.endpoints.index(name))) is not None]
        if uppers:
            return f"cannot exclude {wording.log_change(max(uppers))}"
        return "too few requests" if any(self.of(name) for name in endpoints) else "missing"


def endpoint_findings(judging: Judging, judgement: Judgement) -> list[Finding]:
    """One finding per endpoint, by its most significant metric; another one for each further metric that regressed."""
    found: list[Finding] = []
    for index in range(len(judging.endpoints)):
        alarms = [
            (float(judgement.slower[row, index]), row)
            for row in range(len(TESTED))
            if regression_outcome(judging, judgement, row, index) is not None
        ]
        if alarms:
            found += [_slower(judging, judgement, row, index) for _, row in sorted(alarms)]
        else:
            found.append(_not_slower(judging, judgement, index))
    return found


def regression_outcome(judging: Judging, judgement: Judgement, row: int, index: int) -> Outcome | None:
    """Fail or warn for a confirmed regression of tested metric `row`, inconclusive for a suspicion, None for neither."""
    if not judgement.alarming[row, index]:
        return None
    if not judgement.decided:
        return Outcome.INCONCLUSIVE
    p = judgement.slower[row, index]
    if not p < max(WARN_LEVEL, judging.false_alarm_level):
        return None
    return Outcome.FAIL if p < judging.false_alarm_level and judging.basis.full_force else Outcome.WARN


def is_proven(judging: Judging, judgement: Judgement, index: int) -> bool:
    """Typical latency and p95 are judged, and both upper 95 % bounds are under the tolerance (gate.md, rule 4)."""
    limit = np.log1p(judging.tolerance[index])
    return all(
        np.isfinite(judgement.scores[metric].difference[index]) and judgement.interval(metric)[1][index] < limit
        for metric in PROVING
    )


def would_be_proven(judging: Judging, judgement: Judgement, index: int) -> bool:
    """Whether a second run like this one would prove it."""
    limit = np.log1p(judging.tolerance[index])
    for metric in PROVING:
        result = judgement.scores[metric]
        error = np.sqrt(result.standard_error[index] ** 2 - result.averaging[index] / 2)
        bound = result.difference[index] + stdtrit(result.df[index], (1 + INTERVAL_LEVEL) / 2) * error
        if not bound < limit:  # NaN is not below
            return False
    return True


def upper_bound(judgement: Judgement, index: int) -> float | None:
    """The larger of the upper 95 % bounds of typical latency and p95, log scale; None when neither is judged."""
    bounds = [float(judgement.interval(metric)[1][index]) for metric in PROVING]
    judged = [bound for bound in bounds if np.isfinite(bound)]
    return max(judged) if judged else None


def _slower(judging: Judging, judgement: Judgement, row: int, index: int) -> Finding:
    outcome = regression_outcome(judging, judgement, row, index)
    sentence = _measured(judging, judgement, TESTED[row], index, float(judgement.slower[row, index]))
    if not judgement.decided:
        sentence += "; suspect, not confirmed"
    elif outcome is Outcome.WARN and not judging.basis.full_force:
        sentence += "; " + judging.basis.reason[0].lower() + judging.basis.reason[1:].removesuffix(".")
    return _finding(judging, judgement, TESTED[row], index, outcome or Outcome.WARN, sentence, suspect=not judgement.decided)


def _not_slower(judging: Judging, judgement: Judgement, index: int) -> Finding:
    endpoint = judging.endpoints[index]
    summaries = judging.of(endpoint)
    if not summaries:
        return _missing(judging, endpoint)
    proven = is_proven(judging, judgement, index)
    metric = next((metric for metric in (P95, TYPICAL) if np.isfinite(judgement.scores[metric].difference[index])), None)
    if metric is None:
        successes = sum(summary.n - summary.errors for summary in summaries)
        sentence = f"{endpoint}: too few requests to compare ({wording.plural(successes, 'success', 'successes')} in this run)"
        return Finding(
            criterion=Criterion.REGRESSION,
            outcome=Outcome.INCONCLUSIVE,
            endpoint=endpoint,
            sentence=sentence,
            n=sum(summary.n for summary in summaries),
        )
    faster = _faster(judging, judgement, index)
    if faster is not None:
        row, p = faster
        metric = TESTED[row]
        gain = -np.expm1(judgement.scores[metric].difference[index]) * 100
        sentence = f"faster by {gain:.0f} %: " + _measured(judging, judgement, metric, index, p)
    else:
        sentence = _measured(judging, judgement, metric, index, None)
    tolerance = f"{judging.tolerance[index] * 100:.0f} %"
    if proven:
        return _finding(judging, judgement, metric, index, Outcome.PASS, f"{sentence}; within {tolerance}")
    unjudged = [other.label for other in PROVING if not np.isfinite(judgement.scores[other].difference[index])]
    bound = upper_bound(judgement, index)
    if bound is not None and bound >= np.log1p(judging.tolerance[index]):
        sentence += f"; cannot exclude {wording.log_change(bound)}"
    if unjudged:
        sentence += f"; too few requests to judge {' and '.join(unjudged)}"
    return _finding(judging, judgement, metric, index, Outcome.INCONCLUSIVE, sentence)


def _missing(judging: Judging, endpoint: str) -> Finding:
    """An endpoint that the baseline knows and this run never requested; `vanished` if chance cannot explain that."""
    counts = [sum(row.n for row in run.endpoints if row.endpoint == endpoint) for run in judging.basis.runs]
    present = sum(count > 0 for count in counts)
    often = sum(count >= MANY_REQUESTS for count in counts) >= NEARLY_EVERY_RUN * len(counts)
    return Finding(
        criterion=Criterion.REGRESSION,
        outcome=Outcome.INCONCLUSIVE,
        endpoint=endpoint,
        sentence=f"{endpoint} is missing: no request in this run, {round(np.median(counts)):,} (median) in the baseline's runs, "
        f"of which {present} of {len(counts)} have it",
        n=0,
        evidence={"missing": 1, "vanished": int(often), "baseline_median_n": float(np.median(counts))},
    )


def _faster(judging: Judging, judgement: Judgement, index: int) -> tuple[int, float] | None:
    """Tested metric and adjusted p of a significant improvement of typical latency or p95."""
    options = []
    for row, metric in enumerate(TESTED):
        p, difference = judgement.faster[row, index], judgement.scores[metric].difference[index]
        if metric in PROVING and p < judging.false_alarm_level and difference <= -np.log1p(judging.least_effect[index]):
            options.append((float(p), row))
    return (min(options)[1], min(options)[0]) if options else None


def _measured(judging: Judging, judgement: Judgement, metric: JudgedMetric, index: int, p: float | None) -> str:
    """The sentence of gate.md, rule 8: effect, interval, baseline runs, host factor, runs, requests, p."""
    result = judgement.scores[metric]
    low, high = (bound[index] for bound in judgement.interval(metric))
    summaries = judging.of(judging.endpoints[index])
    requests = sorted(summary.n for summary in summaries)
    parts = [
        f"{judging.endpoints[index]} {metric.label} {wording.log_change(result.difference[index])} "
        f"({wording.log_interval(low, high)})",
        wording.plural(int(judgement.baseline_runs(metric)[index]), "baseline run"),
        f"host factor {wording.log_change(result.host)} removed",
    ]
    if len(summaries) > 1:
        parts += [wording.plural(len(summaries), "run"), f"{len(summaries)} x {requests[len(requests) // 2]} requests"]
    else:
        parts += ["1 run", wording.plural(requests[0], "request")]
    if judging.basis.assumed:
        parts.append(judging.basis.assumed)
    if p is not None:
        parts.append(f"adj. p {wording.p_value(p)}")
    return ", ".join(parts)


def _finding(
    judging: Judging,
    judgement: Judgement,
    metric: JudgedMetric,
    index: int,
    outcome: Outcome,
    sentence: str,
    *,
    suspect: bool = False,
) -> Finding:
    result = judgement.scores[metric]
    low, high = (float(np.expm1(min(bound[index], 20.0))) for bound in judgement.interval(metric))
    reference = float(np.exp(judgement.fits[metric].mu[index]))
    observed, _ = values(judging.runs, (judging.endpoints[index],), metric)
    row = TESTED.index(metric)
    p = judgement.slower[row, index]
    return Finding(
        criterion=Criterion.REGRESSION,
        outcome=outcome,
        sentence=sentence,
        endpoint=judging.endpoints[index],
        metric=metric.name,
        observed=float(np.exp(np.nanmean(observed))),
        reference=reference,
        effect=float(np.expm1(min(result.difference[index], 20.0))),
        interval=(low, high),
        p_adjusted=float(p) if np.isfinite(p) else None,
        n=sum(summary.n for summary in judging.of(judging.endpoints[index])),
        suspect=suspect,
        evidence=_evidence(judging, judgement, metric, index),
    )


def _evidence(judging: Judging, judgement: Judgement, metric: JudgedMetric, index: int) -> dict[str, float | int | str | None]:
    """All numbers behind the finding, for `loadtest explain`: relative changes of each metric with their bounds, and
    the parts of the noise (log scale)."""
    fit = judgement.fits[metric]
    facts: dict[str, float | int | str | None] = {
        "baseline_runs": int(judgement.baseline_runs(metric)[index]),
        "builds": judging.basis.builds,
        "runs": len(judging.runs),
        "host_factor": float(np.expm1(judgement.scores[metric].host)),
        "session_share": fit.share,
        "assumed_sd": judging.basis.assumed_sd,
        "between_run_sd": float(np.sqrt(fit.between[index])),
        "standard_error": float(judgement.scores[metric].standard_error[index]),
        "degrees_of_freedom": float(judgement.scores[metric].df[index]),
        "tolerance": float(judging.tolerance[index]),
        "suspect_level": SUSPECT_LEVEL,
        "fail_level": judging.false_alarm_level,
    }
    for other in METRICS:
        difference = judgement.scores[other].difference[index]
        if np.isfinite(difference):
            low, high = judgement.interval(other)
            name = other.name
            facts[f"{name}_effect"] = float(np.expm1(min(difference, 20.0)))
            facts[f"{name}_low"] = float(np.expm1(min(low[index], 20.0)))
            facts[f"{name}_high"] = float(np.expm1(min(high[index], 20.0)))
    return facts
