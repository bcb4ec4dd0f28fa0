"""Does the service fail, whatever its targets say and with or without a baseline?

An endpoint that never succeeds fails the run. So do errors that are surely (exact binomial bound) more than 5 % of an endpoint's
requests or of all, unless a target allows them; criteria.yaml may say another share (`most_errors`). Errors that are surely more
than 1 % of what nothing else judges are a `warn`: a target on the error rate judges its endpoint, or all of them together; a
baseline judges the endpoints it knows, but a baseline may have been failing itself, so all endpoints without a target of their
own are looked at together once more. What a scenario calls a success (an expected 404) is none of these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from loadtest.analysis.models import EndpointMetrics, FailureGroup, RunMetrics
from loadtest.gate.records.findings import Finding
from loadtest.gate.statistics.bounds import error_rate_bounds
from loadtest.planning.models import Plan
from loadtest.vocabulary import Criterion, Outcome
from loadtest.wording import percent, plural

LEAST_TO_FAIL = 8  # requests, for an endpoint that never succeeds
LEAST_ERRORS = 3  # one or two failed requests are no news of a rarely requested endpoint
MOST_ERRORS = 0.01  # of requests that no target on the error rate judges
NEVER_SUCCEEDED = "never_succeeded"  # the rule in a finding's evidence; cannot be muted
_CAUSE_LENGTH = 100


def judge_failures(
    plan: Plan, metrics: RunMetrics, compared: Collection[str] = (), failures: Sequence[FailureGroup] = ()
) -> list[Finding]:
    """Findings of the steady phase. `compared`: endpoints whose errors the baseline judges; `failures`: of the analysis,
    for the most frequent error."""
    total = metrics.total
    if total.n and total.errors == total.n:
        return [_never_succeeded(None, total.n, f"every one of {plural(total.n, 'request')} failed", failures)]
    limits = {target.endpoint: target.limit for target in plan.scenario.targets if target.metric == "error_rate"}
    allowed = max(MOST_ERRORS, limits.get(None, 0.0))  # an endpoint may fail as often as all of them together may
    fatal = max(plan.scenario.criteria.most_errors, allowed)

    def broken(row: EndpointMetrics, *, compared: bool) -> float | None:
        """The limit that an endpoint's errors are surely above; what is below the fatal one is the baseline's to judge."""
        if _surely_above(fatal, row.n, row.errors):
            return fatal
        return allowed if not compared and _surely_above(allowed, row.n, row.errors) else None

    findings, rest = [], []
    for row in metrics.endpoints:
        if row.errors == row.n >= LEAST_TO_FAIL:
            sentence = f"{row.endpoint} never succeeded: all {plural(row.n, 'request')} failed"
            findings.append(_never_succeeded(row.endpoint, row.n, sentence, failures))
        elif row.endpoint in limits:
            continue
        elif (limit := broken(row, compared=row.endpoint in compared)) is not None:
            findings.append(_many_errors(row.endpoint, row.n, row.errors, limit, failures, fails=limit == fatal))
        else:
            rest.append(row)
    n, errors = sum(row.n for row in rest), sum(row.errors for row in rest)
    if None not in limits and _surely_above(MOST_ERRORS, n, errors):
        fails = _surely_above(fatal, n, errors)
        findings.append(_many_errors(None, n, errors, fatal if fails else MOST_ERRORS, failures, _worst(rest), fails=fails))
    return findings


def _surely_above(allowed: float, n: int, errors: int) -> bool:
    return errors >= LEAST_ERRORS and (error_rate_bounds(errors, n).lower or 0.0) > allowed


def _worst(rows: Iterable[EndpointMetrics]) -> str:
    worst = max(rows, key=lambda row: row.errors)
    return f", most of {worst.endpoint} ({worst.errors:,} of {worst.n:,})"


def _never_succeeded(endpoint: str | None, n: int, sentence: str, failures: Sequence[FailureGroup]) -> Finding:
    return Finding(
        criterion=Criterion.ERRORS,
        outcome=Outcome.FAIL,
        sentence=f"{sentence}{_cause(endpoint, failures)}",
        endpoint=endpoint,
        metric="error_rate",
        observed=1.0,
        n=n,
        evidence={"rule": NEVER_SUCCEEDED, "errors": n},
    )


def _many_errors(
    endpoint: str | None, n: int, errors: int, allowed: float, failures: Sequence[FailureGroup], where: str = "", *, fails: bool
) -> Finding:
    bounds = error_rate_bounds(errors, n)
    counts = f"{errors:,} of {plural(n, 'request')} failed ({percent(errors / n)}, significantly above {percent(allowed)})"
    subject = f"{endpoint}: " if endpoint else ""
    advice = "fix it, or set an error_rate target for what is expected"
    return Finding(
        criterion=Criterion.ERRORS,
        outcome=Outcome.FAIL if fails else Outcome.WARN,
        sentence=f"{subject}{counts}{where}{_cause(endpoint, failures)}; {advice}",
        endpoint=endpoint,
        metric="error_rate",
        observed=errors / n,
        reference=allowed,
        interval=(bounds.lower or 0.0, bounds.upper or 1.0),
        n=n,
        evidence={"rule": "many_errors", "errors": errors, "lower_95": bounds.lower},
    )


def _cause(endpoint: str | None, failures: Sequence[FailureGroup]) -> str:
    """The most frequent error, of the whole load; nothing when it is not known."""
    counts: dict[str, int] = {}
    for group in failures:
        if endpoint in (None, group.endpoint):
            counts[group.cause] = counts.get(group.cause, 0) + group.count
    if not counts:
        return ""
    cause = max(counts, key=counts.__getitem__)
    return f", mostly '{cause if len(cause) <= _CAUSE_LENGTH else cause[: _CAUSE_LENGTH - 1] + '…'}'"
