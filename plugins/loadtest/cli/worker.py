"""`loadtest worker`: a Locust worker with our recorder that joins the master of a run on another machine."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.settings import settings

if TYPE_CHECKING:
    from loadtest.planning.models import Scenario

ASK_EVERY_S = 1.0


def worker(
    master: Annotated[str, typer.Option(envvar="LOADTEST_MASTER", help="Host of the machine that runs the load task.")],
    scenario: Annotated[str, typer.Option(envvar="LOADTEST_SCENARIO", help="The scenario of the run.")] = "student_api",
    port: Annotated[int, typer.Option(envvar="LOADTEST_MASTER_PORT", help="Port of the master.", min=1, max=65535)] = 5557,
) -> None:
    """Wait for the master of a run, send load for it, send the samples to it, and end with it.

    Start it anew after each run (Compose, systemd or Kubernetes do that). The scenario must be the same as the master's, and so
    must the secret in LOADTEST_FLEET_TOKEN. A name that stands for several machines is fine: it joins the one with a master.
    """
    from loadtest.errors import ConfigurationError
    from loadtest.load.locust_command import PACKAGES_VARIABLE, PLUGIN, PYTHON
    from loadtest.load.packages import packages_of
    from loadtest.load.streams import SCENARIO_VARIABLE
    from loadtest.planning.config import load_scenario
    from loadtest.planning.fleet import TOKEN_VARIABLE, fleet_token, is_loopback

    if not fleet_token() and not is_loopback(master):
        raise ConfigurationError(f"A master elsewhere lets nobody in without {TOKEN_VARIABLE}; set it to that machine's.")
    load_scenario(settings(), scenario)  # refused now, not when the run is there
    address = wait_for_master(master, port)
    found = load_scenario(settings(), scenario)  # its files may have changed while this waited
    files = ",".join([*found.locustfiles, str(PLUGIN)])
    arguments = ["-f", files, "--worker", "--master-host", address, "--master-port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    environment |= {
        "HOME": tempfile.mkdtemp(prefix="loadtest-worker-"),  # Locust reads files there, which are not part of the scenario
        SCENARIO_VARIABLE: found.files_digest,
        PACKAGES_VARIABLE: str(packages_of(Path(found.folder)) or ""),
    }
    os.chdir(working_folder(found))
    os.execve(sys.executable, [*PYTHON, "loadtest.load.inside_locust.locust_process", *arguments], environment)  # noqa: S606 (a list, without a shell)


def working_folder(scenario: Scenario) -> Path:
    """Copies of the scenario's files, made once for each state of them: a worker that is started anew again and again must not
    fill the disk."""
    from loadtest.load.working_folder import lay_out
    from loadtest.locks import locked_file

    folder = settings().scratch.resolve() / "workers" / f"{scenario.name}-{scenario.files_digest}"
    with locked_file(folder.with_suffix(".lock")):
        if not folder.exists():
            shutil.rmtree(new := folder.with_suffix(".new"), ignore_errors=True)
            lay_out(Path(scenario.folder), new).rename(folder)
    return folder


def wait_for_master(host: str, port: int) -> str:
    """The address of `host` on which a master listens. Locust itself would give up after five minutes, and try one address only;
    a name that cannot be resolved may belong to a container that does not run yet."""
    while True:
        try:
            addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)}
        except OSError:
            addresses = set()
        for address in sorted(addresses):
            try:
                with socket.create_connection((address, port), timeout=2):
                    return address
            except OSError:
                continue
        time.sleep(ASK_EVERY_S)
