"""`loadtest worker`: a Locust worker with our recorder that joins the master of a run on another machine."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from loadtest.settings import settings


def worker(
    master: Annotated[str, typer.Option(envvar="LOADTEST_MASTER", help="Host of the machine that runs the load task.")],
    scenario: Annotated[str, typer.Option(envvar="LOADTEST_SCENARIO", help="The scenario of the run.")] = "student_api",
    port: Annotated[int, typer.Option(envvar="LOADTEST_MASTER_PORT", help="Port of the master.", min=1, max=65535)] = 5557,
) -> None:
    """Wait for the master of a run, send load for it, send the samples to it, and end with it.

    Start it anew after each run (Compose, systemd or Kubernetes do that). The scenario must be the same as the master's.
    """
    from loadtest.load.locust_command import PLUGIN
    from loadtest.load.streams import SCENARIO_VARIABLE
    from loadtest.planning.config import load_scenario

    found = load_scenario(settings(), scenario)
    locustfile = (Path(found.folder) / found.locustfile).resolve()
    arguments = ["-f", f"{locustfile},{PLUGIN}", "--worker", "--master-host", master, "--master-port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    environment |= {"HOME": tempfile.mkdtemp(prefix="loadtest-worker-"), SCENARIO_VARIABLE: found.files_digest}
    os.chdir(environment["HOME"])  # Locust reads files there and in HOME; they are not part of the scenario
    os.execve(sys.executable, [sys.executable, "-m", "locust", *arguments], environment)
