"""The DAG `load_test`, for runs by hand and on pushes, and the factory of those with a schedule: from a request to a verdict."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetAlias, CronTriggerTimetable, TaskGroup

from loadtest.operators.backend import CheckHealthOperator, StartBackendOperator, StopBackendOperator
from loadtest.operators.failure_notifier import LoadTestFailureNotifier
from loadtest.operators.judgment import (
    VERDICT_ASSETS,
    AnalyzeOperator,
    ConcludeOperator,
    DataContractOperator,
    JudgeConfirmedOperator,
    JudgeOperator,
)
from loadtest.operators.load import ConfirmOperator, RunLoadOperator
from loadtest.operators.params import run_params
from loadtest.operators.placement import on_load_generator, runs_at_once
from loadtest.operators.publishing import NotifyOperator, RecordHistoryOperator, RunStateOperator, WriteReportOperator
from loadtest.operators.setup import EnvironmentApprovalOperator, PrepareRunOperator, ResolvePlanOperator
from loadtest.operators.stage import run_folder_of
from loadtest.planning.schedules import LOAD_TEST, Schedule

DOC = """
### Load test

A request becomes a **plan**, the plan **load**, the load **metrics**, the metrics a **verdict** with evidence.

{occasions}
* **By hand**: *Trigger* opens a form; each field explains itself.

Load tests alert and block nothing: a failed verdict leaves this run green unless *Blocking* was chosen. A run is red
when a task failed or when its measurement cannot be relied on (*invalid*).

To stop a running load test, mark the task `load_test.run_load` as failed: the load ends within seconds, the backend is
stopped and the report is written. Marking the whole run failed skips the report.
"""

ON_PUSHES = "* **On a push**: CI creates a run named `push__<slug>__<sha>` (see `docs/ci.md`)."
ON_SCHEDULE = """\
* **On its schedule**: `{cron}` ({timezone}), scenario *{scenario}*, profile *{profile}* in *{environment}*. The form begins with
  these values; they stand in `include/schedules/{name}.yaml`."""

FOLDER = run_folder_of("setup.resolve_plan")


def within(**limit: float) -> dict[str, Any]:
    """A task that is tried once more, soon, and has this much time for each try."""
    return {"execution_timeout": timedelta(**limit), "retries": 1, "retry_delay": timedelta(seconds=5)}


def persistent(**limit: float) -> dict[str, Any]:
    """A task that others may hold up (a database, a network): tried three times more, after longer and longer waits."""
    return within(**limit) | {"retries": 3, "retry_exponential_backoff": 2.0}


LATER = {"trigger_rule": "all_done"}  # there is a verdict and a report, whatever happened before


def load_test_dag(schedule: Schedule | None = None) -> DAG:
    """The DAG of a schedule, or the one for runs by hand and on pushes: the same graph, form and rules."""
    owners = schedule.owners if schedule else {}
    occasions = ON_SCHEDULE.format(**schedule.model_dump()) if schedule else ON_PUSHES
    with DAG(
        dag_id=schedule.dag_id if schedule else LOAD_TEST,
        description=(schedule and schedule.purpose) or "Load test of a backend: plan, load, verdict, report",
        schedule=_timetable(schedule) if schedule else None,
        catchup=False,
        is_paused_upon_creation=False,  # nothing fires before its next time
        max_active_runs=1 if schedule else runs_at_once(),
        params=run_params(schedule),
        tags=["load test", *((schedule.scenario, schedule.environment) if schedule else ())],
        owner_links={name: link for name, link in owners.items() if link},
        doc_md=DOC.format(occasions=occasions),
        default_args={"on_failure_callback": LoadTestFailureNotifier(), "run_folder": FOLDER, "weight_rule": "upstream"}
        | ({"owner": ", ".join(owners)} if owners else {}),
        render_template_as_native_obj=False,
    ) as built:
        _graph()
    return built


def _timetable(schedule: Schedule) -> CronTriggerTimetable:
    return CronTriggerTimetable(schedule.cron, timezone=schedule.timezone, run_immediately=timedelta(0))


def _graph() -> None:
    """The tasks and their order."""
    here = on_load_generator()
    load = within(hours=7) | here
    with TaskGroup("setup", tooltip="From the request to a validated, approved plan"):
        # Those that look into a scenario may have to install its packages first.
        resolve_plan = ResolvePlanOperator(task_id="resolve_plan", **here, **persistent(minutes=12))
        approve = EnvironmentApprovalOperator(task_id="approve", response_timeout=timedelta(hours=24), retries=0)
        prepare_run = PrepareRunOperator(task_id="prepare_run", **here, **persistent(minutes=12))

    with TaskGroup("backend", tooltip="Started if it is ours, healthy, and the build that was asked for"):
        start_backend = StartBackendOperator(task_id="start_backend", **here, **within(hours=1))
        check_health = CheckHealthOperator(task_id="check_health", **here, **persistent(minutes=70))

    with TaskGroup("load_test", tooltip="Locust with the recorder"):
        run_load = RunLoadOperator(task_id="run_load", **load | {"retries": 2})

    with TaskGroup("analysis", tooltip="Samples to metrics"):
        analyze = AnalyzeOperator(task_id="analyze", **within(minutes=30))

    with TaskGroup(
        "regression", tooltip="Metrics to findings; suspects are measured again, side by side with the baseline's build or alone"
    ):
        judge = JudgeOperator(task_id="judge", **within(minutes=10))
        confirm_1, confirm_2 = (ConfirmOperator(task_id=f"confirm_{number}", number=number, **load) for number in (1, 2))
        judge_confirmed = JudgeConfirmedOperator(task_id="judge_confirmed", **within(minutes=10))

    with TaskGroup("cleanup", tooltip="The backend is stopped, whatever happened"):
        stop_backend = StopBackendOperator(
            task_id="stop_backend", **on_load_generator(waits=False), **persistent(minutes=2)
        ).as_teardown(setups=[prepare_run, start_backend])

    with TaskGroup("verdict", tooltip="Joins gate, validity and data contract; remembered before anyone is told"):
        data_contract = DataContractOperator(task_id="data_contract", **LATER, **within(minutes=10))
        conclude = ConcludeOperator(task_id="conclude", outlets=[AssetAlias(VERDICT_ASSETS)], **LATER, **within(minutes=5))
        record_history = RecordHistoryOperator(task_id="record_history", **LATER, **persistent(minutes=5))

    with TaskGroup("reporting", tooltip="Report, Slack, GitHub"):
        report = WriteReportOperator(task_id="report", **LATER, **persistent(minutes=10))
        notify = NotifyOperator(task_id="notify", **LATER, **persistent(minutes=10))

    # A teardown without setups, on purpose: it runs last whatever happened, and its failure fails the run.
    run_state = RunStateOperator(task_id="run_state", retries=0).as_teardown(on_failure_fail_dagrun=True)

    resolve_plan >> approve >> prepare_run >> start_backend >> check_health >> run_load >> analyze >> judge
    judge >> confirm_1 >> confirm_2 >> judge_confirmed >> stop_backend
    stop_backend >> data_contract >> conclude >> record_history >> report >> notify >> run_state


dag = load_test_dag()
