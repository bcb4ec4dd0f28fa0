"""The Locust processes of an attempt: arguments, environment, start, orderly end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import loadtest
from loadtest.errors import ConfigurationError
from loadtest.load import streams
from loadtest.load.agent_config import AgentConfig
from loadtest.load.job import Scratch
from loadtest.load.packages import packages_of
from loadtest.load.request_headers import VARIABLE as HEADERS_VARIABLE
from loadtest.load.request_headers import RequestHeaders
from loadtest.masking import SECRETS_VARIABLE
from loadtest.planning.arguments import filled_in
from loadtest.planning.fleet import TOKEN_VARIABLE, fleet_token, master_bind
from loadtest.planning.models import Scenario
from loadtest.planning.variables import KEPT_PREFIX
from loadtest.processes import free_port

PLUGIN = Path(__file__).resolve().parent / "inside_locust" / "loadtest_recorder.py"
EXIT_CODE_ON_ERRORS = 3  # requests failed, which is a measurement; 1 and 2 stay set-up and usage errors
DEFAULT_MASTER_PORT = 5557
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
ARGUMENTS_VARIABLE, PACKAGES_VARIABLE = "LOADTEST_ARGUMENTS", "LOADTEST_PACKAGES"
# Not with the working directory on its path, where a scenario's files are: Locust adds it when it loads them.
PYTHON = (sys.executable, "-P", "-m")


@dataclass
class LocustProcess:
    """`worker`: name as in the samples; `_master` for a master."""

    worker: str
    process: subprocess.Popen[bytes]

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def output(self) -> IO[bytes]:
        assert self.process.stdout is not None  # `start` makes it a pipe
        return self.process.stdout

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def master_port() -> int:
    """Where remote workers find the master; raises ConfigurationError when the variable holds no port."""
    text = os.environ.get("LOADTEST_MASTER_PORT") or str(DEFAULT_MASTER_PORT)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise ConfigurationError(f"LOADTEST_MASTER_PORT is {text[:60]!r}, which is no port; set it to a number from 1 to 65535.")
    return int(text)


def scrubbed_environment(scratch: Scratch, worker: str, scenario: Scenario) -> dict[str, str]:
    """Locust reads every LOCUST_* variable and files in HOME: it gets neither. Raises ConfigurationError where an argument of the
    scenario needs a variable that is not set, or its packages cannot be installed."""
    names = {*KEPT_VARIABLES, SECRETS_VARIABLE, *os.environ.get(streams.VARIABLES_VARIABLE, "").split(",")}
    kept = {name: value for name, value in os.environ.items() if name in names or name.startswith(KEPT_PREFIX)}
    return kept | {
        "HOME": str(scratch.empty),
        "PYTHONPATH": str(Path(loadtest.__file__).resolve().parents[1]),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        streams.CONFIG_VARIABLE: str(scratch.agent_config),
        streams.WORKER_VARIABLE: worker,
        ARGUMENTS_VARIABLE: json.dumps(filled_in(scenario.arguments)),
        PACKAGES_VARIABLE: str(packages_of(Path(scenario.folder)) or ""),
    }


def common_arguments(config: AgentConfig) -> list[str]:
    return [
        *(*PYTHON, "loadtest.load.inside_locust.locust_process"),
        *("-f", ",".join([*config.locustfiles, str(PLUGIN)])),
        *("--host", config.base_url),
        *("--stop-timeout", f"{config.stop_timeout_s:g}"),
        *("--exit-code-on-error", str(EXIT_CODE_ON_ERRORS)),
        *("--loglevel", "INFO"),
        "--headless",
        "--only-summary",
        *(["--tags", *config.tags] if config.tags else []),
        *(["--exclude-tags", *config.exclude_tags] if config.exclude_tags else []),
    ]


def users_arguments(config: AgentConfig) -> list[str]:
    """The first level; later ones and the end of the load come from our agent inside Locust."""
    if config.open_loop:
        drivers = max(1, config.expected_workers + config.remote_workers)
        return ["--users", str(drivers), "--spawn-rate", str(drivers)]
    if config.stages or config.levels:
        return ["--users", "1", "--spawn-rate", "1"]
    return ["--users", str(config.users), "--spawn-rate", f"{config.spawn_rate:g}"]


def master_arguments(config: AgentConfig, port: int, remote_wait_s: float) -> list[str]:
    host = master_bind() if config.remote_workers else "127.0.0.1"
    return [
        *("--master", "--master-bind-host", host, "--master-bind-port", str(port)),
        *("--expect-workers", str(config.expected_workers + config.remote_workers)),
        *("--expect-workers-max-wait", str(max(1, round(remote_wait_s)))),
    ]


def worker_arguments(port: int) -> list[str]:
    return ["--worker", "--master-host", "127.0.0.1", "--master-port", str(port)]


def start(arguments: list[str], scratch: Scratch, worker: str, scenario: Scenario, secrets: Mapping[str, str]) -> LocustProcess:
    """Start one Locust process in a session of its own; its output goes to a pipe. `secrets`: variables that our agent takes
    away before the scenario could read them."""
    process = subprocess.Popen(
        arguments,
        cwd=scratch.work,
        env=scrubbed_environment(scratch, worker, scenario) | dict(secrets),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return LocustProcess(worker, process)


def start_all(
    config: AgentConfig,
    scratch: Scratch,
    scenario: Scenario,
    remote_wait_s: float,
    headers: RequestHeaders = RequestHeaders(),
) -> list[LocustProcess]:
    """One local process, or a master first and then its workers on this machine. `headers`: of each request."""
    secrets = {HEADERS_VARIABLE: headers.to_json()} if headers.values else {}
    common = common_arguments(config)
    if config.expected_workers == 1 and not config.remote_workers:
        return [start([*common, *users_arguments(config)], scratch, "local/0", scenario, secrets)]
    port = master_port() if config.remote_workers else free_port()
    if config.remote_workers and (token := fleet_token()):
        secrets[TOKEN_VARIABLE] = token
    arguments = [*common, *users_arguments(config), *master_arguments(config, port, remote_wait_s)]
    master = start(arguments, scratch, streams.MASTER, scenario, secrets)
    numbers = range(config.expected_workers)
    worker = [*common, *worker_arguments(port)]
    return [master, *(start(worker, scratch, f"local/{number}", scenario, secrets) for number in numbers)]


def stop_gracefully(processes: list[LocustProcess]) -> None:
    """SIGTERM to the first (the only one, or the master, which tells its workers)."""
    if processes and processes[0].is_running:
        processes[0].signal_group(signal.SIGTERM)
    else:
        for process in processes[1:]:
            process.signal_group(signal.SIGTERM)


def kill_all(processes: list[LocustProcess]) -> None:
    for process in processes:
        if process.is_running:
            process.signal_group(signal.SIGKILL)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.process.wait(timeout=5)
