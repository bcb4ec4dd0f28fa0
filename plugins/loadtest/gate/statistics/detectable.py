"""The smallest regression of one endpoint that this run could have detected.

A regression is found if the first run makes it suspect and the fresh runs confirm it; the first hurdle is the higher
one. With t the distance to the hurdle in standard errors, a change of (t_critical + t_power) standard errors passes it
with the wanted power.
"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from loadtest.gate.records.findings import Detectable
from loadtest.gate.statistics.judge import SUSPECT_LEVEL, Judgement
from loadtest.gate.statistics.judged_metrics import PROVING, TESTED

POWER = 0.80


def smallest_detectable(judgement: Judgement, least_effect: np.ndarray) -> tuple[Detectable, ...]:
    """Per endpoint, for a change of all its requests, by the metric that sees it best; relative."""
    weights = [np.where(np.isfinite(judgement.first[metric].difference), metric.weight, 0.0) for metric in TESTED]
    budget = np.sum(weights, axis=0)
    judged = max(int(np.count_nonzero(budget)), 1)
    found = []
    for index, endpoint in enumerate(judgement.endpoints):
        options = []
        for metric in PROVING:
            score = judgement.first[metric]
            if not np.isfinite(score.difference[index]):
                continue
            level = SUSPECT_LEVEL * metric.weight / budget[index] / judged
            hurdle = stdtrit(score.df[index], 1 - level)
            reach = stdtrit(score.df[index], POWER)
            change = max((hurdle + reach) * score.standard_error[index], np.log1p(least_effect[index]))
            options.append((float(np.expm1(min(change, 10.0))), metric.name))
        if options:
            effect, name = min(options)
            found.append(Detectable(endpoint=endpoint, metric=name, effect=effect))
    return tuple(found)
