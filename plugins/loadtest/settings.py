"""Where things are on this installation: from `LOADTEST_*` environment variables, else the project around the working
directory, else the checkout that the package stands in."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from upath import UPath

import loadtest.storage  # noqa: F401 (makes object storage behave as folders do)

PROJECT_ROOT = Path(__file__).resolve().parents[2]  # of a checkout; of an installed package it is no project
HOST_LOCK = Path("/tmp/loadtest.lock")  # noqa: S108 (for all users, whatever their TMPDIR; opened with care)
BUILTIN_PROFILES = Path(__file__).resolve().parent / "planning" / "builtin_profiles"


@dataclass(frozen=True)
class Settings:
    """`home`: the project; `include`: what users edit; `runs_root`: run folders (local or object storage);
    `scratch`: local files of running processes; `database_url`: the history database (may hold a password: never log it);
    `host_lock`: the file by which loads of this host wait for each other, whoever sends them."""

    home: Path
    include: Path
    runs_root: UPath
    scratch: Path
    database_url: str
    host_lock: Path = HOST_LOCK

    @property
    def profiles(self) -> Path:
        return self.include / "profiles"

    @property
    def environments(self) -> Path:
        return self.include / "environments"

    @property
    def scenarios(self) -> Path:
        return self.include / "scenarios"

    @property
    def criteria(self) -> Path:
        """How all scenarios are judged that say nothing else; the file may be missing."""
        return self.include / "criteria.yaml"

    @property
    def schedules(self) -> Path:
        return self.include / "schedules"

    @property
    def baselines(self) -> Path:
        return self.include / "baselines"


def settings() -> Settings:
    """Read the environment anew on each call, so that tests and tasks can point elsewhere. An empty variable is like none."""
    home = Path(os.environ.get("LOADTEST_HOME") or find_project()).resolve()
    scratch = Path(os.environ.get("LOADTEST_SCRATCH") or home / ".loadtest")
    return Settings(
        home=home,
        include=Path(os.environ.get("LOADTEST_INCLUDE") or home / "include"),
        runs_root=UPath(os.environ.get("LOADTEST_RUNS_ROOT") or home / "runs"),
        scratch=scratch,
        database_url=os.environ.get("LOADTEST_DATABASE_URL") or f"sqlite:///{scratch / 'history.db'}",
        host_lock=Path(os.environ.get("LOADTEST_HOST_LOCK") or HOST_LOCK),
    )


def find_project() -> Path:
    """The nearest project at or above the working directory; without one this package's checkout, or the working directory
    itself where the package is installed and has none."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was deleted
        return PROJECT_ROOT
    for folder in (here, *here.parents):
        if is_project(folder):
            return folder
    return PROJECT_ROOT if is_project(PROJECT_ROOT) else here


def is_project(folder: Path) -> bool:
    """Whether `loadtest` works on this folder: its pyproject.toml has a table [tool.loadtest], or it has scenarios."""
    if (folder / "include" / "scenarios").is_dir():
        return True
    try:
        return "loadtest" in tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):  # none, or somebody else's that is none of our business
        return False
