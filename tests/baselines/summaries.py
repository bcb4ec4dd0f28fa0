"""Run folders and summaries that could become a baseline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from loadtest.gate.decide import check
from loadtest.gate.records.summaries import EndpointSummary, RunSummary
from loadtest.gate.verdict import conclude
from loadtest.planning.criteria import Target
from loadtest.planning.models import Plan, TriggerKind
from loadtest.run_folder import RunFolder
from tests.gate.run_facts import HOST, make_load, make_plan, make_worker, write_run

WHERE = ("shop", "staging", "light")
TARGETS = (Target(endpoint="GET /a", metric="p95_ms", limit=100),)


def summary(number: int = 1, *, digest: str = "d1", commit: str | None = None, level: float = 3.0) -> RunSummary:
    rng = np.random.default_rng(number)
    endpoints = tuple(
        EndpointSummary(
            endpoint=f"GET /{name}",
            n=1000,
            errors=0,
            lm=level + float(rng.normal(0, 0.02)),
            var_lm=1e-5,
            log_p50=level,
            var_log_p50=1e-5,
            log_p95=level + 1 + float(rng.normal(0, 0.03)),
            var_log_p95=1e-4,
            sh=1.2,
            var_sh=1e-4,
        )
        for name in "abcd"
    )
    return RunSummary(
        run_id=f"run-{number}",
        started_at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=number),
        duration_s=120,
        digest=digest,
        host_class=HOST,
        commit=commit or f"c{number % 3}",
        rps=33.3,
        endpoints=endpoints,
    )


def judged_run(
    root: Path,
    number: int,
    *,
    p50_ms: float = 20.0,
    users: int | None = None,
    plan: Plan | None = None,
    lost: bool = False,
    kind: TriggerKind = TriggerKind.SCHEDULED,
) -> RunFolder:
    """A run that went all the way to its verdict: passes at 20 ms, fails at 400 ms, is invalid when a worker is lost."""
    values = np.random.default_rng(number).lognormal(np.log(p50_ms), 0.4, 400)
    plan = plan or make_plan(targets=TARGETS)
    changes = {"run_id": f"run-{number}", "digest": "d1" if users is None else f"d-{users}"}
    plan = plan.model_copy(update=changes | {"trigger": plan.trigger.model_copy(update={"kind": kind})})
    worker = make_worker(samples=400, lost=lost, completed=not lost)
    load = make_load(samples=400, workers=(worker,))
    folder = write_run(root, plan, {"GET /a": values}, load=load, shift=timedelta(hours=number))
    check(folder)
    conclude(folder)
    return folder
