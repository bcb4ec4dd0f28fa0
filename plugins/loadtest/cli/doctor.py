"""`loadtest doctor`: is this installation in order, and what is to be done where it is not?"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.settings import settings

if TYPE_CHECKING:
    from loadtest.airflow_api.client import AirflowClient

SIGNS = {"ok": "✓", "note": "!", "wrong": "✗"}


def doctor(
    airflow_url: Annotated[
        str | None, typer.Option(envvar="AIRFLOW_URL", help="Airflow to look at; else that of `loadtest airflow up`.")
    ] = None,
    username: Annotated[str | None, typer.Option(envvar="AIRFLOW_USERNAME", help="Its user.")] = None,
    password: Annotated[str | None, typer.Option(envvar="AIRFLOW_PASSWORD", help="Its password; better as a variable.")] = None,
    token: Annotated[str | None, typer.Option(envvar="AIRFLOW_TOKEN", help="Instead of user and password.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate/--no-calibrate", help="Ten seconds of load against a server of our own.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, on standard output.")] = False,
) -> None:
    """Look at this installation: machine, database, storage, Airflow, tokens, and what the machine can send.

    Exits 1 when something is wrong, and says what to do. Nothing is changed, and load goes only to a server of our own.
    """
    from loadtest.diagnosis.checks import Level
    from loadtest.diagnosis.examine import examine

    with _client(airflow_url, username, password, token) as client:
        checks = list(examine(settings(), client, with_calibration=calibrate))
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        from loadtest.cli.printing import print_table

        rows = [(SIGNS[check.level], check.name, check.found, check.remedy) for check in checks]
        print_table(("", "what", "found", "what to do"), rows)
        counts = {level: sum(check.level is level for check in checks) for level in Level}
        print(f"{counts[Level.OK]} in order, {counts[Level.NOTE]} to know, {counts[Level.WRONG]} wrong")
    if any(check.level is Level.WRONG for check in checks):
        sys.exit(1)


@contextlib.contextmanager
def _client(url: str | None, username: str | None, password: str | None, token: str | None) -> Iterator[AirflowClient | None]:
    from loadtest.airflow_api.client import AirflowClient
    from loadtest.airflow_api.local import LocalAirflow

    if url:
        with AirflowClient(url, username, password, token) as client:
            yield client
        return
    local = LocalAirflow(settings())
    running = local.running()
    if running is None:
        yield None
        return
    with local.client(running.url) as client:
        yield client
