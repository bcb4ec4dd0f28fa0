"""Finds the run folder that a person means."""

from __future__ import annotations

from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.run_folder import RunFolder
from loadtest.settings import settings


def find_run(name: str) -> RunFolder:
    """By path, by run id, or `latest`; raises ConfigurationError when there is none or more than one."""
    path = UPath(name)
    if (path / "plan.json").exists() or (path / "verdict.json").exists():
        return RunFolder(path)
    root = settings().runs_root
    plans = sorted(root.glob("*/*/*/*/plan.json")) if root.exists() else []
    if name == "latest":
        folders = [plan.parent for plan in plans if not RunFolder(plan.parent).is_confirmation]
        if not folders:
            raise ConfigurationError(f"No run in {root} yet; start one with: loadtest run")
        return RunFolder(max(folders, key=lambda folder: (folder / "plan.json").stat().st_mtime))
    matches = [plan.parent for plan in plans if plan.parent.name == name]
    if len(matches) == 1:
        return RunFolder(matches[0])
    problem = f"No run named {name!r}" if not matches else f"{name!r} is the id of {len(matches)} runs"
    raise ConfigurationError(f"{problem} in {root}; give the path of a run folder, a run id, or 'latest'.")
