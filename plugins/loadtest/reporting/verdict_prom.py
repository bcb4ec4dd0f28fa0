"""`verdict.prom`: the run's outcome in the Prometheus text format, beside the numbers of `metrics.prom`, which are written before
anybody has judged them."""

from __future__ import annotations

from loadtest.analysis.prometheus import gauge, series_labels, text_of
from loadtest.reporting import facts
from loadtest.reporting.inputs import RunFiles
from loadtest.vocabulary import Outcome

NOT_RUN, NOT_JUDGED = "not_run", "not_judged"


def render_verdict_prom(run: RunFiles) -> bytes:
    """One series per outcome, 1 for the run's own and 0 for the others, so that none keeps saying what is no longer true."""
    scenario, environment, profile = facts.series(run) or ("", "", "")
    series = series_labels(scenario, environment, profile)
    own = NOT_JUDGED if run.verdict is None else run.verdict.outcome or NOT_RUN
    values = [({**series, "outcome": each}, float(each == own)) for each in (*Outcome, NOT_RUN, NOT_JUDGED)]
    return text_of([gauge("loadtest_run_outcome", "How the run was judged: 1 for its outcome, 0 for the others", values)])
