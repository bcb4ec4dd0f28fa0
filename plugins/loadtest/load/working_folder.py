"""Locust's working directory: copies of the scenario's files, so that `open("users.csv")` finds them and nothing changes them."""

from __future__ import annotations

import shutil
from pathlib import Path

# Locust reads its settings from these; the plan has them already.
SETTINGS_FILES = ("locust.conf", ".locust.conf", "pyproject.toml")
_LEFT_OUT = shutil.ignore_patterns(*SETTINGS_FILES, "__pycache__", ".git", ".venv", "venv", "node_modules")
READ_ONLY = 0o444


def lay_out(scenario_folder: Path, folder: Path) -> Path:
    """Copy the files to `folder`, read-only; what a scenario writes beside them goes with it. Returns `folder`."""
    shutil.copytree(scenario_folder, folder, ignore=_LEFT_OUT, ignore_dangling_symlinks=True, dirs_exist_ok=True)
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(READ_ONLY)
    return folder
