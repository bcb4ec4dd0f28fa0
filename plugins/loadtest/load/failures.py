"""Why a load did not start or did not end as planned, in one sentence for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from loadtest.planning.models import Scenario

_WORKER = re.compile(r"^\[(?:_master|\w+/\d+)\] ")
_FILE_LINE = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)')
_EXCEPTION = re.compile(r"^(?:[\w.]+(?:Error|Exception|Interrupt|Exit|Warning)|AssertionError|SyntaxError)\b.*")
_MISSING = re.compile(r"No module named '(?P<package>[^'.]+)")
_PREFIX = re.compile(r"^\[[^\]]*\] [^/]+/(?:ERROR|CRITICAL)/[\w.]+: (?P<text>.+)")


def start_failure(lines: Sequence[str], scenario: Scenario, exit_code: int | None) -> str:
    """What Locust's output says about a start that failed: the scenario's own line where there is one."""
    lines = [_WORKER.sub("", line) for line in lines]
    name = " and ".join(entry.name for entry in scenario.entries)
    if any("No User class found" in line for line in lines):
        files = ", ".join(map(str, scenario.entries))
        return (
            f"The scenario {files} defines no user class; add a class that inherits from HttpUser or FastHttpUser, with "
            "at least one @task."
        )
    if any("Gave up waiting for workers" in line for line in lines):
        return "Not all expected Locust workers joined the master in time; see locust.log."
    problem = next((line.strip() for line in reversed(lines) if _EXCEPTION.match(line.strip())), "")
    folder = str(Path(scenario.folder).resolve())
    places = [match for line in lines if (match := _FILE_LINE.match(line)) and match["file"].startswith(folder)]
    if problem and places:
        place = places[-1]
        sentence = f"The scenario could not be loaded: {Path(place['file']).name}, line {place['line']}: {problem[:300]}."
        return sentence + _way_to_a_package(problem, scenario)
    if problem:
        return f"Locust could not start the scenario {name}: {problem[:300]}."
    logged = next((match["text"] for line in reversed(lines) if (match := _PREFIX.match(line))), "")
    tail = logged or next((line.strip() for line in reversed(lines) if line.strip()), "no output")
    return f"Locust could not start the scenario {name} (exit code {exit_code}): {tail[:300]}"


def _way_to_a_package(problem: str, scenario: Scenario) -> str:
    """How a module that was not found gets there; empty for other problems."""
    missing = _MISSING.search(problem)
    if missing is None:
        return ""
    requirements = Path(scenario.folder) / "requirements.txt"
    verb = "add it to" if requirements.exists() else "list it in"
    return (
        f" If {missing['package']} is a package, {verb} {requirements}: what that file lists is installed for the scenario. "
        "If it is a module of yours, put it into the scenario's folder."
    )
