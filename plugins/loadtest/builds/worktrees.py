"""A commit made runnable: a git worktree of its own below scratch, prepared once and kept for the next time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtest.builds.repository import copy_of, fetch, folder_of, git_in
from loadtest.errors import ConfigurationError, NotRunError
from loadtest.masking import mask_secrets
from loadtest.planning.build import Builds
from loadtest.planning.models import BackendCommand, Environment
from loadtest.settings import settings

KEPT = 8  # prepared commits of one repository
PREPARED = ".loadtest-prepared"
COMMIT = "{commit}"
TIMEOUT_S = 900
_SHOWN_LINES = 5


def commit_of(builds: Builds, reference: str) -> str:
    """The full hash of a branch, tag or commit, fetched where it is not here yet; raises ConfigurationError where the repository
    knows none of that name."""
    is_hash = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", reference) is not None
    if builds.is_remote and not is_hash:
        fetch(builds)  # what a branch means changes
    commit = _resolved(builds, reference)
    if commit is None:
        fetch(builds, reference if is_hash and not builds.is_remote else None)
        commit = _resolved(builds, reference)
    if commit is None:
        raise ConfigurationError(
            f"{reference[:100]!r} is no branch, tag or commit of {builds.repository}; fetch it there, or name another one."
        )
    return commit


def base_of(builds: Builds, commit: str) -> str:
    """Where a commit left the main branch; of a commit on the main branch the one before it. Raises ConfigurationError for the
    first commit of all."""
    main = next((name for name in (f"origin/{builds.main}", builds.main) if _resolved(builds, name)), None)
    own = commit_of(builds, commit)
    done = _git(builds, "merge-base", own, main) if main else None
    base = done.stdout.strip() if done and done.returncode == 0 else own
    found = _resolved(builds, f"{own}^") if base == own else base
    if found is None:
        raise ConfigurationError(f"Commit {own[:10]} has none before it to be compared with; name one.")
    return found


def _resolved(builds: Builds, reference: str) -> str | None:
    """The hash of what git knows by this name; in a copy of a remote repository its branches are known, too."""
    for name in (reference, f"origin/{reference}") if builds.is_remote else (reference,):
        done = _git(builds, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def is_repository(builds: Builds) -> bool:
    """Whether there is a git repository where the builds are to come from, and a git to read it: an image has neither."""
    if shutil.which("git") is None:
        return False
    return builds.is_remote or (_repository(builds).is_dir() and _git(builds, "rev-parse", "--git-dir").returncode == 0)


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


def environment_of_build(environment: Environment, folder: Path, commit: str) -> Environment:
    """The environment whose backend runs in the folder of a prepared commit."""
    backend = environment.backend
    if backend is None:
        raise ConfigurationError(f"Environment {environment.name!r} starts no backend, so no build of it can be started.")
    of_build = {
        "working_dir": str(folder / _below_repository(environment, backend)),
        "command": _for(commit, backend.command),
        "env": {name: value.replace(COMMIT, commit) for name, value in backend.env.items()},
    }
    return environment.model_copy(update={"backend": backend.model_copy(update=of_build)})


def _below_repository(environment: Environment, backend: BackendCommand) -> Path:
    """The backend's folder as seen from the repository's root: the project may lie in the repository, or beside it."""
    builds = environment.builds or Builds()
    if builds.is_remote:
        return Path(backend.working_dir)
    own, root = (settings().home / backend.working_dir).resolve(), _repository(builds).resolve()
    return own.relative_to(root) if own.is_relative_to(root) else Path(backend.working_dir)


@dataclass(frozen=True)
class CommitInfo:
    """What people know a commit by."""

    commit: str
    author: str
    subject: str


def commit_info(builds: Builds, commit: str) -> CommitInfo:
    """Author and subject of a commit; printable, since they come from anybody."""
    shown = _git(builds, "show", "-s", "--format=%an%x00%s", commit).stdout.strip("\n")
    author, _, subject = ("".join(letter for letter in shown if letter.isprintable() or letter == "\0")).partition("\0")
    return CommitInfo(commit, author[:100], subject[:200])


def commits_between(builds: Builds, good: str, bad: str) -> list[str]:
    """The commits after `good` up to `bad`, oldest first, along first parents. Raises ConfigurationError where there are none."""
    done = _git(builds, "rev-list", "--reverse", "--first-parent", "--ancestry-path", f"{good}..{bad}")
    commits = done.stdout.split()
    if done.returncode != 0 or not commits:
        raise ConfigurationError(f"{good[:10]} is not an ancestor of {bad[:10]}; give the commit that was still good first.")
    return commits


def known_commit(builds: Builds | None, name: str) -> str | None:
    """The commit that a hash, its beginning, a tag or a branch means in the repository at hand; None if it knows none."""
    if not re.fullmatch(r"[\w./-]{1,100}", name):
        return None
    try:
        return commit_of(builds or Builds(), name)
    except ConfigurationError:
        return None


def _for(commit: str, command: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.replace(COMMIT, commit) for part in command)


def _root(builds: Builds) -> Path:
    root = folder_of(builds)
    root.mkdir(parents=True, exist_ok=True)
    return root


def _repository(builds: Builds) -> Path:
    return copy_of(builds) if builds.is_remote else (settings().home / builds.repository).resolve()


def _key(builds: Builds, commit: str) -> str:
    """What a prepared folder depends on: the commit and how it is prepared."""
    return f"{commit[:16]}-{hashlib.sha256(repr(builds.prepare).encode()).hexdigest()[:8]}"


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / "lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _git(builds: Builds, *arguments: str) -> subprocess.CompletedProcess[str]:
    return git_in(_repository(builds), *arguments)


def _check_out(builds: Builds, commit: str, folder: Path) -> None:
    _git(builds, "worktree", "prune")
    done = _git(builds, "worktree", "add", "--force", "--detach", str(folder), commit)
    if done.returncode != 0:
        raise ConfigurationError(f"Commit {commit[:10]} could not be checked out: {mask_secrets(done.stderr.strip())[-300:]}")


def _prepare(builds: Builds, commit: str, folder: Path) -> None:
    for command in (_for(commit, each) for each in builds.prepare):
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
    old = [mark.parent for mark in marks[KEPT:]]
    busy = _working_folders() if old else []
    for folder in old:
        if not any(place.is_relative_to(folder) for place in busy):
            _remove(builds, folder)


def _working_folders() -> list[Path]:
    """Where processes work at this moment: a build that runs, be it of another run, is not taken from under its feet."""
    folders = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            folders.append(Path(process.cwd()))
    return folders
