"""`loadtest airflow up | down | run`: the project's own Airflow, and a run through it. `make run` calls these."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer
from rich.console import Console

from loadtest.errors import InfrastructureError, LoadTestError
from loadtest.local_airflow import USERNAME, LocalAirflow, RunningAirflow
from loadtest.settings import settings

app = typer.Typer(help="The project's own Airflow.", no_args_is_help=True)
console = Console(stderr=True, highlight=False)

Text = Annotated[str | None, typer.Option(show_default=False)]


@app.command()
def up() -> None:
    """Start Airflow and leave it running."""
    airflow = LocalAirflow(settings())
    running = _start(airflow)
    print(f"Airflow is up: {running.url}\n  user {USERNAME}, password {airflow.password()}\n  stop it with: make down")


@app.command()
def down() -> None:
    """Stop Airflow, and every load and backend that it left."""
    from loadtest.leftovers import stop_leftovers

    LocalAirflow(settings()).stop()
    stop_leftovers(settings())
    print("Airflow is down.")


@app.command()
def run(
    profile: Text = None,
    environment: Text = None,
    scenario: Text = None,
    users: Text = None,
    spawn_rate: Text = None,
    duration: Text = None,
    host: Text = None,
    slowdown: Text = None,
    blocking: Text = None,
    reason: Text = None,
    commit: Text = None,
    branch: Text = None,
    repository: Text = None,
    pull_request: Text = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 4 for inconclusive and 5 for warn instead of 0.")] = False,
) -> None:
    """One load test through Airflow, which is started for it and stopped after it unless it runs already."""
    from loadtest.cli.dag_run import conf_of, follow, start_run
    from loadtest.cli.watch import TerminalWatcher
    from loadtest.leftovers import stop_leftovers
    from loadtest.vocabulary import exit_code

    values = {name: value for name, value in locals().items() if isinstance(value, str)}
    conf = conf_of(values)
    signal.signal(signal.SIGTERM, _interrupt)
    airflow = LocalAirflow(settings())
    was_running = airflow.running() is not None
    try:
        with airflow.client(_start(airflow).url) as client, TerminalWatcher(console) as watcher:
            dag_run = start_run(client, conf)
            console.print(f"Airflow: {client.url}/dags/load_test/runs/{dag_run.run_id}", markup=False, soft_wrap=True)
            followed = follow(client, dag_run, watcher)
    except KeyboardInterrupt:
        console.print("Interrupted: stopping the load, the backend and Airflow.")
        if was_running:
            _stop_dag_run(airflow)
        sys.exit(130)
    finally:
        if not was_running:
            airflow.stop()
            stop_leftovers(settings())
    if followed.folder is None or followed.verdict is None:
        raise InfrastructureError(f"The DAG run ended {followed.state} without a verdict; look at its tasks in Airflow.")
    from loadtest.pipeline import planned_load_s
    from loadtest.reporting.terminal import print_run

    print_run(followed.folder)
    load_s = planned_load_s(followed.folder)
    print(
        f"DAG run: {followed.state}, {followed.wall_s:.0f} s from queued to finished; "
        f"time outside the load: {followed.wall_s - load_s:.1f} s"
    )
    sys.exit(exit_code(followed.verdict.outcome, strict=strict))


def _start(airflow: LocalAirflow) -> RunningAirflow:
    with console.status("Airflow"):
        return airflow.start(lambda text: console.print(text))


def _stop_dag_run(airflow: LocalAirflow) -> None:
    """End the load of the active run as its Stop button does: fail the load task, the rest follows."""
    from loadtest.cli.dag_run import DAG_ID

    running = airflow.running()
    if not running:
        return
    try:
        with airflow.client(running.url) as client:
            for active in client.list_runs(DAG_ID, states=("running", "queued")):
                for task in client.task_instances(DAG_ID, active.run_id):
                    if task.state == "running":
                        client.set_task_state(DAG_ID, active.run_id, task.task_id, "failed")
    except LoadTestError as error:
        console.print(str(error), markup=False)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
