"""The smallest regression a run could have seen is one it does see, four times in five."""

from __future__ import annotations

import numpy as np

from loadtest.gate.comparison import compare
from loadtest.planning.criteria import Criteria
from tests.gate.simulated_summaries import NAMES, make_baseline, make_run


def test_said_and_seen_agree() -> None:
    seen = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        baseline = make_baseline(rng)
        unchanged = compare(baseline, [make_run(rng, 20)], Criteria(), 0.2, confirmed=False)
        said = next(one for one in unchanged.detectable if one.endpoint == NAMES[4])
        slower = make_run(rng, 21, change={NAMES[4]: np.log1p(said.effect)})
        seen.append(NAMES[4] in {one.endpoint for one in compare(baseline, [slower], Criteria(), 0.2, confirmed=False).suspects})
    assert 0.6 <= np.mean(seen) <= 0.98


def test_fewer_requests_see_less() -> None:
    rng = np.random.default_rng(1)
    few = {NAMES[0]: 30}
    result = compare(make_baseline(rng, n=few), [make_run(rng, 20, n=few)], Criteria(), 0.2, confirmed=False)
    effects = {one.endpoint: one.effect for one in result.detectable}
    assert effects[NAMES[0]] > 1.3 * max(effects[name] for name in NAMES[1:])
    assert set(effects) == set(NAMES)


def test_nothing_below_the_least_effect_is_promised() -> None:
    rng = np.random.default_rng(2)
    criteria = Criteria(least_effect=0.5)
    result = compare(make_baseline(rng), [make_run(rng, 20)], criteria, 0.2, confirmed=False)
    assert all(one.effect >= 0.5 - 1e-9 for one in result.detectable)
