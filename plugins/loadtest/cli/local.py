"""`loadtest airflow up | down | run`: the project's own Airflow, and a run through it. `make run` calls these."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from loadtest.airflow_api.client import DagRun
from loadtest.airflow_api.local import USERNAME, LocalAirflow, RunningAirflow
from loadtest.cli import load_options
from loadtest.cli.interrupts import Interrupts
from loadtest.errors import EXIT_INTERRUPTED, InfrastructureError, LoadTestError
from loadtest.settings import settings
from loadtest.wording import as_called

app = typer.Typer(help="The project's own Airflow.", no_args_is_help=True)
console = Console(stderr=True, highlight=False)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Of the UI; default: the one of the last time.")] = None,
) -> None:
    """Start Airflow and leave it running."""
    airflow = LocalAirflow(settings())
    running = _start(airflow, port)
    airflow.keep(running)
    print(f"Airflow is up: {running.url}\n  user {USERNAME}, password {airflow.password()}")
    print(as_called("  stop it with: loadtest airflow down"))


@app.command()
def down() -> None:
    """Stop Airflow, and every load and backend that it left."""
    from loadtest.pipeline.leftovers import stop_leftovers

    LocalAirflow(settings()).stop()
    stop_leftovers(settings())
    print("Airflow is down.")


@app.command()
def run(
    profile: load_options.Profile = None,
    environment: load_options.Environment = None,
    scenario: load_options.Scenario = None,
    users: load_options.Users = None,
    spawn_rate: load_options.SpawnRate = None,
    duration: load_options.Duration = None,
    host: load_options.Host = None,
    slowdown: load_options.Slowdown = None,
    arguments: Annotated[str | None, typer.Option(help="name=value of the Locust file's parser, joined by semicolons.")] = None,
    tags: Annotated[str | None, typer.Option(help="Only tasks with these tags, joined by commas.")] = None,
    exclude_tags: Annotated[str | None, typer.Option(help="No tasks with these tags, joined by commas.")] = None,
    blocking: Annotated[str | None, typer.Option(help="true: the DAG run turns red when the verdict is fail.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why this run; stands in the report.")] = None,
    commit: load_options.Commit = None,
    branch: load_options.Branch = None,
    repository: Annotated[str | None, typer.Option(help="owner/name on GitHub, for the commit status.")] = None,
    pull_request: Annotated[
        str | None, typer.Option(help="Its number on GitHub; the verdict is posted there as a comment.")
    ] = None,
    against: load_options.Against = None,
    any_build: Annotated[str | None, typer.Option(help="true: measure what runs, also if another commit was asked for.")] = None,
    strict: load_options.Strict = False,
) -> None:
    """One load test through Airflow, which is started for it and stopped after it unless it runs already."""
    from loadtest.cli.dag_run import conf_of, follow, start_run
    from loadtest.cli.watch import TerminalWatcher
    from loadtest.pipeline.leftovers import stop_leftovers
    from loadtest.vocabulary import exit_code

    values = {name: value for name, value in locals().items() if isinstance(value, str)}
    conf = conf_of(values)
    airflow = LocalAirflow(settings())
    dag_run = None
    with Interrupts():
        try:
            with airflow.client(_start(airflow).url) as client, TerminalWatcher(console) as watcher:
                dag_run = start_run(client, conf)
                console.print(f"Airflow: {client.url}/dags/load_test/runs/{dag_run.run_id}", markup=False, soft_wrap=True)
                followed = follow(client, dag_run, watcher)
        except KeyboardInterrupt:
            console.print("Interrupted: stopping what this command started.")
            if dag_run is not None:
                _stop_dag_run(airflow, dag_run)
            sys.exit(EXIT_INTERRUPTED)
        finally:
            if (airflow.started_here or dag_run is not None) and not _is_needed(airflow, dag_run):
                airflow.stop()
                stop_leftovers(settings())
    if followed.folder is None or followed.verdict is None:
        raise InfrastructureError(f"The DAG run ended {followed.state} without a verdict; look at its tasks in Airflow.")
    from loadtest.pipeline.stages import planned_load_s
    from loadtest.reporting.terminal import print_run

    print_run(followed.folder)
    load_s = planned_load_s(followed.folder)
    print(
        f"DAG run: {followed.state}, {followed.wall_s:.0f} s from queued to finished; "
        f"time outside the load: {max(0.0, followed.wall_s - load_s):.1f} s"
    )
    sys.exit(exit_code(followed.verdict.outcome, strict=strict))


def _start(airflow: LocalAirflow, port: int | None = None) -> RunningAirflow:
    with console.status("Airflow"):
        return airflow.start(lambda text: console.print(text), port)


def _is_needed(airflow: LocalAirflow, own: DagRun | None) -> bool:
    """Whether it is to stay, or a load test that another command asked for is running or waiting."""
    from loadtest.cli.dag_run import DAG_ID

    running = airflow.running()
    if running is None or running.stays:
        return running is not None
    try:
        with airflow.client(running.url) as client:
            active = client.list_runs(DAG_ID, states=("running", "queued"))
    except LoadTestError:
        return False
    return any(own is None or run.run_id != own.run_id for run in active)


def _stop_dag_run(airflow: LocalAirflow, run: DagRun) -> None:
    """End the load of a run as its Stop button does: fail the load task, the rest follows. In an Airflow that is about to be
    stopped nothing can follow: there the whole run ends, or the next Airflow would go on with it."""
    from loadtest.cli.dag_run import DAG_ID

    running = airflow.running()
    if not running:
        return
    try:
        with airflow.client(running.url) as client:
            if not _is_needed(airflow, run):
                client.set_run_state(DAG_ID, run.run_id, "failed", note="interrupted in the terminal")
                return
            for task in client.task_instances(DAG_ID, run.run_id):
                if task.state == "running":
                    client.set_task_state(DAG_ID, run.run_id, task.task_id, "failed")
    except LoadTestError as error:
        console.print(str(error), markup=False)
