"""The DAG `load_test_baseline`: repeats a load test until there are enough runs for a baseline; a person accepts it."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from loadtest.operators.backend import StopBackendOperator
from loadtest.operators.baseline import AcceptBaselineOperator, CollectBaselineOperator, PromoteBaselineOperator
from loadtest.operators.failure_notifier import LoadTestFailureNotifier
from loadtest.operators.params import run_params
from loadtest.operators.placement import on_load_generator, runs_at_once
from loadtest.operators.setup import EnvironmentApprovalOperator, PrepareRunOperator, ResolvePlanOperator
from loadtest.operators.stage import run_folder_of

DOC = """
### Baseline

Runs one load test several times on this host and offers the runs as the reference that later runs are compared with.
Best spread over hours and builds: a baseline of one hour knows little of the noise and finds only large regressions.

A person accepts the candidate under *Required Actions*, with a reason; the new version is a file under
`include/baselines/` to be committed. See `docs/baselines.md`.
"""

FOLDER = run_folder_of("resolve_plan")
HERE = on_load_generator()

with DAG(
    dag_id="load_test_baseline",
    description="Collect and accept a baseline",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=runs_at_once(),
    params={
        "runs": Param(8, type="integer", minimum=3, maximum=50, title="Runs", section="Baseline"),
        "spacing": Param(
            "0s",
            type="string",
            title="Spacing",
            section="Baseline",
            description_md="Time between two runs, for example `30m`.",
        ),
    }
    | run_params(),
    tags=["load test"],
    doc_md=DOC,
    default_args={"on_failure_callback": LoadTestFailureNotifier(), "run_folder": FOLDER, "weight_rule": "upstream"},
) as dag:
    resolve_plan = ResolvePlanOperator(task_id="resolve_plan", **HERE, retries=1, execution_timeout=timedelta(minutes=12))
    approve = EnvironmentApprovalOperator(task_id="approve", response_timeout=timedelta(hours=24), retries=0)
    prepare_run = PrepareRunOperator(task_id="prepare_run", **HERE, retries=1, execution_timeout=timedelta(minutes=12))
    collect = CollectBaselineOperator(
        task_id="collect",
        runs="{{ params.runs }}",
        spacing="{{ params.spacing }}",
        **HERE,
        retries=1,
        execution_timeout=timedelta(hours=48),
    )
    stop_backend = StopBackendOperator(
        task_id="stop_backend", **on_load_generator(waits=False), retries=2, execution_timeout=timedelta(minutes=2)
    ).as_teardown(setups=[prepare_run], on_failure_fail_dagrun=True)
    accept = AcceptBaselineOperator(task_id="accept", response_timeout=timedelta(days=7), retries=0)
    promote = PromoteBaselineOperator(
        task_id="promote", accepted_by_task="accept", retries=0, execution_timeout=timedelta(minutes=5)
    )

    resolve_plan >> approve >> prepare_run >> collect >> [stop_backend, accept]
    accept >> promote
