"""A question about a scenario, answered by a module of `load.inside_locust` in a process of its own: a scenario's code runs there
as in a load, and can neither hold up nor harm whoever asks."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.load.job import Scratch
from loadtest.load.locust_command import PYTHON, scrubbed_environment
from loadtest.load.working_folder import lay_out
from loadtest.planning.models import Scenario


@dataclass(frozen=True)
class Asked:
    """`answer`: JSON, None where there was none; `lines`: what the process printed."""

    answer: str | None
    lines: list[str]
    exit_code: int


def ask(module: str, question: Mapping[str, Any], scenario: Scenario, variables: Mapping[str, str], *, timeout_s: float) -> Asked:
    """`variables`: beside those that every scenario gets. Raises subprocess.TimeoutExpired, ConfigurationError for arguments and
    packages that are not to be had."""
    with tempfile.TemporaryDirectory(prefix="loadtest-") as empty:
        scratch = Scratch(Path(empty))
        scratch.empty.mkdir(exist_ok=True)
        lay_out(Path(scenario.folder), scratch.work)
        asked, answered = scratch.path / "question.json", scratch.path / "answer.json"
        asked.write_text(json.dumps(question), encoding="utf-8")
        done = subprocess.run(
            [*PYTHON, f"loadtest.load.inside_locust.{module}", str(asked), str(answered)],
            cwd=scratch.work,
            env=scrubbed_environment(scratch, "check", scenario) | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
        answer = answered.read_text(encoding="utf-8") if answered.exists() else None
    return Asked(answer, done.stdout.splitlines(), done.returncode)
