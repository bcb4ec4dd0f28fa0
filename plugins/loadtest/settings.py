"""Where things are on this installation, from `LOADTEST_*` environment variables; defaults suit a checkout."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from upath import UPath

PROJECT_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """`home`: the project; `include`: what users edit; `runs_root`: run folders (local or object storage);
    `scratch`: local files of running processes; `database_url`: the history database (may hold a password: never log it)."""

    home: Path
    include: Path
    runs_root: UPath
    scratch: Path
    database_url: str

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
    def baselines(self) -> Path:
        return self.include / "baselines"


def settings() -> Settings:
    """Read the environment anew on each call, so that tests and tasks can point elsewhere. An empty variable is like none."""
    home = Path(os.environ.get("LOADTEST_HOME") or PROJECT_ROOT).resolve()
    scratch = Path(os.environ.get("LOADTEST_SCRATCH") or home / ".loadtest")
    return Settings(
        home=home,
        include=Path(os.environ.get("LOADTEST_INCLUDE") or home / "include"),
        runs_root=UPath(os.environ.get("LOADTEST_RUNS_ROOT") or home / "runs"),
        scratch=scratch,
        database_url=os.environ.get("LOADTEST_DATABASE_URL") or f"sqlite:///{scratch / 'history.db'}",
    )
