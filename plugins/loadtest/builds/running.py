"""Which build is running: asked of the service, of a command, or of the checkout that its backend was started from."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from loadtest.backend.health_client import headers_of_check, http_client
from loadtest.backend.told import ask
from loadtest.errors import LoadTestError
from loadtest.masking import mask_secrets
from loadtest.planning.build import CHANGED, Build, BuildSource
from loadtest.planning.models import Environment
from loadtest.settings import settings

TIMEOUT_S = 10.0
_NAME = re.compile(r"[\w.+/:@-]{1,100}", re.ASCII)


def running_build(environment: Environment, base_url: str) -> Build:
    """The build that answers at `base_url`; never raises: what cannot be known says why."""
    source = environment.build
    if source is None:
        if environment.backend is None:
            return Build(problem=f"environment {environment.name} does not say how; add build: to its file")
        source = BuildSource.model_validate({"from": "git"})
    look = {"health": _from_answer, "header": _from_answer, "command": _from_command, "git": _from_checkout}[source.origin]
    return look(source, environment, base_url)


def _from_answer(source: BuildSource, environment: Environment, base_url: str) -> Build:
    path = source.path or (environment.health.path if environment.health else "/")
    try:
        with http_client(base_url, headers_of_check(environment), environment.tls) as client:
            told = ask(client, path, TIMEOUT_S, json_pointer=source.json_pointer, header=source.header)
    except (LoadTestError, OSError) as error:
        return Build(problem=f"it could not be asked: {error}".rstrip("."))
    return Build(problem=told.problem) if told.problem else _named(told.value, "")


def _from_command(source: BuildSource, environment: Environment, base_url: str) -> Build:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    try:
        done = subprocess.run(
            source.command,
            cwd=settings().home,
            env=inherited | {"LOADTEST_BASE_URL": base_url},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return Build(problem=f"its command could not be run: {mask_secrets(str(error))[:100]}")
    if done.returncode != 0:
        return Build(problem=f"its command ended with exit code {done.returncode}")
    lines = done.stdout.strip().splitlines()
    return _named(lines[-1].strip() if lines else None, "its command printed nothing")


def _from_checkout(_source: BuildSource, environment: Environment, _base_url: str) -> Build:
    if environment.backend is None:
        return Build(problem="git knows only the build of a backend that the run starts itself")
    return checked_out(settings().home / environment.backend.working_dir)


def checked_out(folder: Path) -> Build:
    """The commit of a checkout, with a mark if its files are changed. An image holds no git metadata: there LOADTEST_COMMIT says
    what was built."""
    if built := os.environ.get("LOADTEST_COMMIT"):
        return _named(built, "")
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return Build(problem="its backend is started from a folder that is no git checkout")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return Build(version=head + (CHANGED if changed else ""))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def _named(value: Any, missing: str) -> Build:
    """What comes from outside is a name, or nothing."""
    if value is None or value == "":
        return Build(problem=missing)
    if isinstance(value, bool | dict | list) or not _NAME.fullmatch(str(value)):
        return Build(problem="what it calls its build is no name of one")
    return Build(version=str(value))
