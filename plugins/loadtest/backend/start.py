"""Start the backend of a run: a free port, a fresh database, a process of its own that outlives the one who started it."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import re
import secrets
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from loadtest.backend.databases import DATABASE_MARK, create_database, database_url
from loadtest.backend.down import down_is_a_result
from loadtest.backend.logs import last_line
from loadtest.backend.models import BackendState, DatabaseRef
from loadtest.backend.state import one_at_a_time, write_state
from loadtest.backend.stop import RUN_MARK, clean_up, run_mark
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.planning.fleet import advertised_host
from loadtest.planning.models import BackendCommand, Plan
from loadtest.planning.references import filled
from loadtest.processes import Machine, ProcessIdentity
from loadtest.run_folder import RunFolder
from loadtest.settings import settings

_log = logging.getLogger(__name__)

# What a program needs to find its way about; everything else must be named in the environment file.
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR")
# Below the range from which the system takes ports for outgoing connections: the load itself opens many of those.
_PORTS = range(20_000, 30_000)
# Children must be waited for by their parent, or they stay zombies as long as it lives.
_children: dict[int, subprocess.Popen[bytes]] = {}


def start_backend(plan: Plan, folder: RunFolder) -> BackendState:
    """Start the plan's backend and write `backend.json`; a live one of the same run is kept, a half-started one replaced, and
    so is one of a machine that this one replaced.

    Returns when it listens; call `check_health` next, and `stop_backend` in any case: it also cleans up after a failed start.
    Raises ConfigurationError for a command that cannot work (not found, exit code 2, port taken by something else) and
    InfrastructureError for one that ends, or does not listen within `start_timeout_s`.
    """
    backend = plan.environment.backend
    if backend is None:
        raise ConfigurationError(f"The environment {plan.environment.name} starts no backend; give it a `backend` section.")
    _check(backend, plan)
    with one_at_a_time(folder):
        if folder.backend_state.exists():
            earlier = BackendState.read(folder.backend_state)
            if earlier.stopped_at is None and not earlier.machine.is_here:
                _log.warning("The backend on %s is left to that machine; it is started again here", earlier.machine.host)
            elif earlier.stopped_at is None:
                if earlier.identity is not None and earlier.identity.is_alive:
                    return earlier
                clean_up(earlier, folder)
        state, process = _launch(plan, backend, folder)
    with down_is_a_result(folder):
        _watch(process, plan, state, backend.start_timeout_s)
    return state


def _launch(plan: Plan, backend: BackendCommand, folder: RunFolder) -> tuple[BackendState, subprocess.Popen[bytes]]:
    port = _free_port()
    base_url = _base_url(plan, port)
    if _listens(base_url):
        raise ConfigurationError(
            f"Something else already listens on {base_url}, where the backend of {plan.environment.name} is to be started; "
            "stop it, or use {port} in the command."
        )
    state = BackendState(
        run_id=folder.run_id,
        machine=Machine.here(),
        base_url=base_url,
        database=create_database(folder.run_id) if _uses(backend, "{database_url}") else None,
        log_path=str(_new_log(folder.run_id)),
        started_at=datetime.now(UTC),
    )
    # Before the process exists, so that whatever comes of it can be cleaned up.
    write_state(folder, state)
    process = _spawn(backend, _values(plan, port, state.database), state, folder)
    with contextlib.suppress(psutil.NoSuchProcess):  # ended already: the watch will tell
        state = state.model_copy(update={"identity": ProcessIdentity.of(process.pid)})
        write_state(folder, state)
    return state, process


def _new_log(run_id: str) -> Path:
    folder = settings().scratch.resolve() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{run_id}-{secrets.token_hex(4)}.backend.log"


def _check(backend: BackendCommand, plan: Plan) -> None:
    if plan.slowdown and not _uses(backend, "{slowdown}"):
        raise ConfigurationError(
            f"The environment {plan.environment.name} does not hand slowdowns to its backend; "
            "put {slowdown} into the command or a variable of its `backend` section, or ask for none."
        )
    folder = _working_dir(backend)
    if not folder.is_dir():
        raise ConfigurationError(f"The working directory {folder} of the environment {plan.environment.name} does not exist.")
    if plan.environment.base_url is None and not _uses(backend, "{port}"):
        raise ConfigurationError(
            f"The environment {plan.environment.name} does not say where its backend listens; "
            "use {port} in its command or a variable, or name its base_url."
        )
    if advertised_host(plan.environment, plan.profile) and not _uses(backend, "{host}"):
        raise ConfigurationError(
            f"The environment {plan.environment.name} advertises its backend to remote workers but does not tell it to listen "
            "for them; use {host} in its command or a variable."
        )


def _uses(backend: BackendCommand, placeholder: str) -> bool:
    return any(placeholder in text for text in (*backend.command, *backend.env.values()))


def _working_dir(backend: BackendCommand) -> Path:
    return settings().home / backend.working_dir


def _base_url(plan: Plan, port: int) -> str:
    host = advertised_host(plan.environment, plan.profile) or "127.0.0.1"
    return (plan.environment.base_url or f"http://{host}:{{port}}").replace("{port}", str(port)).rstrip("/")


def _values(plan: Plan, port: int, database: DatabaseRef | None) -> dict[str, str]:
    return {
        "{python}": sys.executable,
        "{port}": str(port),
        "{host}": "0.0.0.0" if advertised_host(plan.environment, plan.profile) else "127.0.0.1",  # noqa: S104 (remote workers must reach it)
        "{slowdown}": plan.slowdown or "",
        "{database_url}": database_url(database) if database else "",
    }


def _fill(text: str, values: dict[str, str]) -> str:
    """Replace our placeholders and nothing else: a command may hold braces of its own."""
    return re.sub("|".join(map(re.escape, values)), lambda match: values[match[0]], text)


def _spawn(backend: BackendCommand, values: dict[str, str], state: BackendState, folder: RunFolder) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment |= {"PYTHONUNBUFFERED": "1", RUN_MARK: run_mark(folder)}
    if state.database:
        environment[DATABASE_MARK] = state.database.name
    # Passed-on values are filled in last: whatever they hold is left alone.
    environment |= {name: filled(_fill(text, values), "The backend") for name, text in backend.env.items()}
    command = [_fill(part, values) for part in backend.command]
    # Readable by nobody else, as it may hold secrets until it is masked.
    descriptor = os.open(state.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            command,
            cwd=_working_dir(backend),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"The backend's command {backend.command[0]!r} cannot be started: {reason}.") from None
    finally:
        os.close(descriptor)
    _children[process.pid] = process
    return process


def _watch(process: subprocess.Popen[bytes], plan: Plan, state: BackendState, timeout_s: float) -> None:
    """Wait until the backend listens; raise when it ends before or takes too long."""
    give_up = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(timeout=0.05)
            # 2, 126 and 127: by convention a command that was called wrongly, may not or cannot be run.
            kind = ConfigurationError if code in (2, 126, 127) else InfrastructureError
            raise kind(
                f"The backend of {plan.environment.name} ended with exit code {code} while starting; {_last_words(state)}."
            )
        if _listens(state.base_url):
            return
        if time.monotonic() >= give_up:
            raise InfrastructureError(
                f"The backend of {plan.environment.name} does not listen on {state.base_url} after {timeout_s:.3g} s "
                f"(start_timeout_s); {_last_words(state)}."
            )


def _last_words(state: BackendState) -> str:
    line = last_line(Path(state.log_path)).rstrip(".")
    return f"its last words: {line}" if line else "it said nothing"


def _free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise InfrastructureError(f"No free port was found between {_PORTS.start} and {_PORTS.stop - 1}; too much is running here.")


def _listens(base_url: str) -> bool:
    try:
        parts = urlsplit(base_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=0.5):
            return True
    except (OSError, ValueError):
        return False
