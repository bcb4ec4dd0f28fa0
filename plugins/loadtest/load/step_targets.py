"""What a step of a search for the capacity is judged by, while it runs and afterwards alike.

A quantile of few requests says nothing: in a step a p95 counts from 20 requests on, a p99 from 100.
"""

from __future__ import annotations

import math

from loadtest.planning.criteria import Target
from loadtest.planning.models import Plan

QUANTILES = {"p50_ms": 0.50, "p90_ms": 0.90, "p95_ms": 0.95, "p99_ms": 0.99}
LEAST_REQUESTS = 10  # of an endpoint, for a mean or an error rate


def step_targets(plan: Plan) -> tuple[Target, ...]:
    """The scenario's targets on latencies and error rates; where no target limits the errors of all requests, the share of errors
    that no run may have. Not those on throughput: at low load it is low."""
    targets = tuple(target for target in plan.scenario.targets if target.metric != "rps")
    if any(target.endpoint is None and target.metric == "error_rate" for target in targets):
        return targets
    return (*targets, Target(endpoint=None, metric="error_rate", limit=plan.scenario.criteria.most_errors))


def least_requests(target: Target) -> int:
    """How many requests of a step the target needs to be judged at all."""
    share = QUANTILES.get(target.metric)
    return LEAST_REQUESTS if share is None else max(LEAST_REQUESTS, math.ceil(1 / (1 - share) - 1e-9))
