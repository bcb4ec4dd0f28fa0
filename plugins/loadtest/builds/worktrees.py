"""A commit made runnable: a git worktree of its own below scratch, prepared once and kept for the next time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.errors import ConfigurationError, NotRunError
from loadtest.masking import mask_secrets
from loadtest.planning.models import Builds, Environment
from loadtest.settings import settings

KEPT = 8  # prepared commits of one repository
PREPARED = ".loadtest-prepared"
TIMEOUT_S = 900
_SHOWN_LINES = 5


def commit_of(builds: Builds, reference: str) -> str:
    """The full hash of a branch, tag or commit; raises ConfigurationError where the repository knows none of that name."""
    done = _git(builds, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if done.returncode != 0:
        raise ConfigurationError(
            f"{reference[:100]!r} is no branch, tag or commit of {builds.repository}; fetch it there, or name another one."
        )
    return done.stdout.strip()


def prepared(builds: Builds, commit: str) -> Path:
    """The folder of a prepared commit. Raises NotRunError with the end of the log when a command of `prepare` fails."""
    root = _root(builds)
    with _locked(root):
        folder = root / _key(builds, commit)
        if not (folder / PREPARED).exists():
            _remove(builds, folder)
            _check_out(builds, commit, folder)
            _prepare(builds, commit, folder)
        (folder / PREPARED).touch()  # the newest are kept
        _remove_old(builds, root)
    return folder


def environment_of_build(environment: Environment, folder: Path) -> Environment:
    """The environment whose backend runs in a prepared folder."""
    if environment.backend is None:
        raise ConfigurationError(f"Environment {environment.name!r} starts no backend, so no build of it can be started.")
    backend = environment.backend.model_copy(update={"working_dir": str(folder / environment.backend.working_dir)})
    return environment.model_copy(update={"backend": backend})


def _root(builds: Builds) -> Path:
    name = hashlib.sha256(str(_repository(builds)).encode()).hexdigest()[:12]
    root = settings().scratch.resolve() / "builds" / name
    root.mkdir(parents=True, exist_ok=True)
    return root


def _repository(builds: Builds) -> Path:
    return (settings().home / builds.repository).resolve()


def _key(builds: Builds, commit: str) -> str:
    """What a prepared folder depends on: the commit and how it is prepared."""
    return f"{commit[:16]}-{hashlib.sha256(repr(builds.prepare).encode()).hexdigest()[:8]}"


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / "lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _git(builds: Builds, *arguments: str) -> subprocess.CompletedProcess[str]:
    repository = _repository(builds)
    try:
        return subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"git could not be run in {repository}: {mask_secrets(str(error))[:200]}.") from None


def _check_out(builds: Builds, commit: str, folder: Path) -> None:
    _git(builds, "worktree", "prune")
    done = _git(builds, "worktree", "add", "--force", "--detach", str(folder), commit)
    if done.returncode != 0:
        raise ConfigurationError(f"Commit {commit[:10]} could not be checked out: {mask_secrets(done.stderr.strip())[-300:]}")


def _prepare(builds: Builds, commit: str, folder: Path) -> None:
    for command in builds.prepare:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
            code, output = done.returncode, done.stdout
        except (OSError, subprocess.TimeoutExpired) as error:
            code, output = None, str(error)
        if code != 0:
            end = " / ".join(mask_secrets(output).strip().splitlines()[-_SHOWN_LINES:])[-600:]
            what = f"exit code {code}" if code is not None else "it could not be run to its end"
            raise NotRunError(f"Commit {commit[:10]} could not be prepared: {' '.join(command)[:120]} ({what}): {end}")


def _remove(builds: Builds, folder: Path) -> None:
    if folder.exists():
        _git(builds, "worktree", "remove", "--force", str(folder))
        shutil.rmtree(folder, ignore_errors=True)


def _remove_old(builds: Builds, root: Path) -> None:
    marks = sorted(root.glob(f"*/{PREPARED}"), key=lambda mark: mark.stat().st_mtime, reverse=True)
    for mark in marks[KEPT:]:
        _remove(builds, mark.parent)
