"""Finds the run folder that a person means."""

from __future__ import annotations

from upath import UPath

from loadtest.errors import ConfigurationError
from loadtest.run_folder import RunFolder
from loadtest.settings import settings


def find_run(name: str) -> RunFolder:
    """By path, by run id (that of a refused request, too), or `latest`; raises ConfigurationError when there is none or more
    than one."""
    found = runs_named(name)
    if len(found) == 1:
        return found[0]
    root = settings().runs_root
    if name == "latest":
        raise ConfigurationError(f"No run in {root} yet; start one with: loadtest run")
    problem = f"No run named {name!r}" if not found else f"{name!r} is the id of {len(found)} runs"
    raise ConfigurationError(f"{problem} in {root}; give the path of a run folder, a run id, or 'latest'.")


def runs_named(name: str) -> list[RunFolder]:
    """All runs that `name` can mean, none if there is none."""
    root = settings().runs_root
    if name != "latest":
        path = UPath(name)
        if (path / "plan.json").exists() or (path / "verdict.json").exists():
            return [RunFolder(path)]
    if not root.exists():
        return []
    plans = sorted(root.glob("*/*/*/*/plan.json"))
    if name == "latest":
        folders = [plan.parent for plan in plans if not RunFolder(plan.parent).is_confirmation]
        return [RunFolder(max(folders, key=lambda folder: (folder / "plan.json").stat().st_mtime))] if folders else []
    matches = [RunFolder(plan.parent) for plan in plans if plan.parent.name == name]
    refused = RunFolder.refused(root, name)
    return matches or ([refused] if refused.verdict.exists() else [])
