"""Where the code is: a repository of this machine, or a copy of one that is elsewhere, kept and fetched into."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from pathlib import Path

from loadtest.errors import ConfigurationError, NotRunError
from loadtest.masking import mask_secrets
from loadtest.planning.build import Builds
from loadtest.planning.references import filled
from loadtest.settings import settings

TIMEOUT_S = 900


def folder_of(builds: Builds) -> Path:
    """Where everything of this repository is kept: prepared commits, and the copy of a remote one."""
    where = builds.repository if builds.is_remote else str((settings().home / builds.repository).resolve())
    return settings().scratch.resolve() / "builds" / hashlib.sha256(where.encode()).hexdigest()[:12]


def copy_of(builds: Builds) -> Path:
    """The local copy of a remote repository, made at the first time. Raises NotRunError where it cannot be read."""
    copy = _copy(builds)
    if not (copy / "HEAD").exists():
        fetch(builds)
    return copy


def _copy(builds: Builds) -> Path:
    return folder_of(builds) / "repository.git"


def fetch(builds: Builds, commit: str | None = None) -> None:
    """Bring a remote repository's branches and tags into the copy; of a repository of this machine only one commit, from where
    it comes from, if that has it. Raises NotRunError where a remote repository cannot be read."""
    if builds.is_remote:
        copy = _copy(builds)
        if not (copy / "HEAD").exists():
            copy.mkdir(parents=True, exist_ok=True)
            git_in(copy, "init", "--quiet", "--bare")
            git_in(copy, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
            git_in(copy, "config", "remote.origin.url", builds.repository)
        done = git_in(
            copy,
            "fetch",
            "--quiet",
            "--prune",
            "--tags",
            "--force",
            "origin",
            secret=_token(builds),
            secret_for=builds.repository,
        )
        if done.returncode != 0:
            why = mask_secrets(done.stderr.strip())[-300:]
            raise NotRunError(f"The repository {builds.repository} cannot be read: {why}")
    elif commit is not None:
        git_in(settings().home / builds.repository, "fetch", "--quiet", "origin", commit, secret=_token(builds))


def git_in(folder: Path, *arguments: str, secret: str | None = None, secret_for: str = "") -> subprocess.CompletedProcess[str]:
    """Run git in a folder. A secret goes through its environment, as no command line, log or file shows it; `secret_for`: the
    URL whose host alone gets it, wherever that one redirects to."""
    environment = dict(os.environ) | {"GIT_TERMINAL_PROMPT": "0"}
    if secret:
        login = base64.b64encode(f"x-access-token:{secret}".encode()).decode()
        header = f"Authorization: Basic {login}"
        host = re.match(r"https?://[^/]+/", secret_for)
        key = f"http.{host[0]}.extraHeader" if host else "http.extraHeader"
        environment |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": header}
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(f"git could not be run in {folder}: {mask_secrets(str(error))[:200]}.") from None


def _token(builds: Builds) -> str | None:
    if builds.token_reference is None:
        return None
    token = filled(builds.token_reference, f"The repository {builds.repository}").strip()
    if not re.fullmatch(r"[!-~]{1,1000}", token):
        where = f"connection {builds.connection}" if builds.connection else f"environment variable {builds.token_variable}"
        raise ConfigurationError(f"The {where}, with which {builds.repository} is read, holds no token; set it.")
    return token
