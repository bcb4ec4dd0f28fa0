"""Can Locust load this scenario, and does it have users? Asked before anything starts."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from loadtest.errors import ConfigurationError
from loadtest.load.failures import start_failure
from loadtest.load.job import Scratch
from loadtest.load.locust_command import scrubbed_environment
from loadtest.planning.models import Scenario

TIMEOUT_S = 60


def check_scenario(scenario: Scenario) -> None:
    """Let Locust list the scenario's user classes; raises ConfigurationError with Locust's complaint in one sentence."""
    locustfile = str(Path(scenario.folder) / scenario.locustfile)
    with tempfile.TemporaryDirectory(prefix="loadtest-") as empty:
        scratch = Scratch(Path(empty))
        scratch.empty.mkdir(exist_ok=True)
        try:
            listed = subprocess.run(
                [sys.executable, "-m", "locust", "-f", locustfile, "--list"],
                cwd=scratch.empty,
                env=scrubbed_environment(scratch, "check"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ConfigurationError(
                f"The scenario {locustfile} did not load within {TIMEOUT_S} s; move what takes so long out of its module level."
            ) from None
    lines = listed.stdout.splitlines()
    if listed.returncode != 0 or not _lists_users(lines):
        lines += [] if listed.returncode else ["No User class found"]
        raise ConfigurationError(start_failure(lines, locustfile, listed.returncode))


def _lists_users(lines: list[str]) -> bool:
    """Locust's list is a title and an indented line per user class."""
    return any(line[:1].isspace() and line.strip() for line in lines)
