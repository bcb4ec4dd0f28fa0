"""Complete synthetic run folders, so that whatever reads a finished run can be tested without sending load.

`build_run_folder(root, outcome="fail")` writes plan, load, metrics, analysis, regression report and verdict that agree
with each other: the endpoint that is slower in metrics.json is slower in the findings, the timeline and the verdict.
Nothing is random between calls: the same arguments give the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from loadtest.gate.records.findings import Detectable
from loadtest.gate.records.verdicts import RegressionReport
from loadtest.run_folder import RunFolder
from loadtest.vocabulary import Outcome
from tests.support.synthetic.endpoints import (
    ENDPOINTS,
    HOSTILE_TEXTS,
    REGRESSED,
    clean_surrogates,
    endpoint_names,
    error_causes,
    names_of,
)
from tests.support.synthetic.judgment import make_comparison, make_findings, make_verdict
from tests.support.synthetic.measurement import make_analysis, make_load, make_metrics
from tests.support.synthetic.past import make_baseline_runs, make_summary, make_trend
from tests.support.synthetic.plan import STARTED_AT, make_plan

__all__ = [
    "ENDPOINTS",
    "HOSTILE_TEXTS",
    "REGRESSED",
    "STARTED_AT",
    "build_run_folder",
    "clean_surrogates",
    "endpoint_names",
    "make_baseline_runs",
    "make_trend",
]


def build_run_folder(
    runs_root: Path | str,
    *,
    outcome: Outcome | str | None = Outcome.FAIL,
    endpoints: int | Sequence[str] = 9,
    hostile: bool = False,
    run_id: str = "manual-20261123t020000z-0a1b2c",
    scenario: str = "example",
    environment: str = "staging",
    profile: str = "medium",
    started_at: datetime = STARTED_AT,
    commit: str | None = "6a1d209c4e5f60718293a4b5c6d7e8f901234567",
    branch: str | None = "main",
    pull_request: int | None = None,
    repository: str | None = "example-org/example-app",
    airflow_url: str | None = None,
    failures: int = 40,
    failure_causes: int = 2,
    baseline_runs: int = 8,
    refused: str | None = None,
    without: Sequence[str] = (),
    seed: int = 1,
) -> RunFolder:
    """Write one finished run below `runs_root`; returns its folder.

    `outcome`: `pass`, `warn`, `fail` (one endpoint +31 %), `inconclusive`, `invalid` (a worker lost), or None for a run that
    never sent load (with `refused`, a sentence: the plan itself was refused and does not exist either).
    `endpoints`: how many (more than 9 get invented names) or their names. `hostile`: some names and error bodies are
    HOSTILE_TEXTS. `without`: RunFolder attribute names of files to leave out, such as `("analysis", "regression_report")`.
    """
    outcome = None if outcome is None or refused else Outcome(outcome)
    rng = random.Random(seed)
    names = names_of(endpoints)
    if hostile:
        # one ordinary name stays first, so that the regressed endpoint is among the hostile ones
        names = (names[0], *HOSTILE_TEXTS, *names[1:])
        names = tuple(clean_surrogates(name) for name in names)
    causes = error_causes(failure_causes, hostile=hostile)
    if refused:
        folder = RunFolder.refused(str(runs_root), run_id)
        run_id = folder.run_id
    else:
        folder = RunFolder.of(str(runs_root), scenario, environment, profile, run_id)
    Path(str(folder.path)).mkdir(parents=True, exist_ok=True)

    factors = dict.fromkeys(names, 1.0)
    if outcome in (Outcome.FAIL, Outcome.WARN):
        factors[names[REGRESSED % len(names)]] = 1.31 if outcome is Outcome.FAIL else 1.12
    plan = make_plan(
        run_id, scenario, environment, profile, names, started_at, commit, branch, pull_request, repository, airflow_url
    )
    metrics = make_metrics(plan, names, factors, failures, started_at)
    findings = make_findings(outcome, names, metrics, baseline_runs)
    comparison = make_comparison(plan, baseline_runs)
    detectable = tuple(
        Detectable(endpoint=name, metric="p95_ms", effect=0.12 + 0.02 * (index % 5)) for index, name in enumerate(names)
    )
    verdict = make_verdict(plan, outcome, findings, comparison, detectable, names, started_at, refused)
    files = {"verdict": verdict}
    if not refused:
        files["plan"] = plan
    if outcome is not None:
        files |= {
            "load": make_load(plan, outcome, metrics, started_at),
            "metrics": metrics,
            "analysis": make_analysis(plan, metrics, names, factors, failures, causes, rng, started_at),
            "regression_report": RegressionReport(
                run_id=run_id,
                summary=make_summary(run_id, started_at, plan, names, factors, rng, commit),
                confirmation_runs=(f"{run_id}-c1", f"{run_id}-c2") if outcome is Outcome.FAIL else (),
                comparison=comparison,
                findings=findings,
                detectable=detectable,
                recommendations=verdict.recommendations,
            ),
        }
    for attribute, model in files.items():
        if attribute not in without:
            model.write(getattr(folder, attribute))
    return folder
