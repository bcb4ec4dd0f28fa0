"""Can Locust load this scenario, does it have users, and can its targets be met? Asked before anything starts."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from loadtest.errors import ConfigurationError
from loadtest.load.failures import start_failure
from loadtest.load.grouping import HTTP_METHODS, EndpointNames
from loadtest.load.job import Scratch
from loadtest.load.locust_command import scrubbed_environment
from loadtest.planning.config import NOT_LOAD
from loadtest.planning.models import Scenario
from loadtest.planning.problems import refusal

TIMEOUT_S = 60

# A segment such as `{order_id}`, which is not what the recording makes of an id, and an id to put in its place.
_OWN_PLACEHOLDER = re.compile(r"(?<=/)\{(?!id\}|date\})\w+\}(?=/|$)")
_SOME_ID = "123456"


def check_scenario(scenario: Scenario) -> None:
    """Refuse targets on endpoints that are never recorded, and let Locust list the scenario's user classes; raises
    ConfigurationError with Locust's complaint in one sentence."""
    check_targets(scenario)
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


def check_targets(scenario: Scenario) -> None:
    """Refuse targets on endpoints that no request is ever recorded as; raises ConfigurationError."""
    endpoints = dict.fromkeys(target.endpoint for target in scenario.targets if target.endpoint)
    recorded = {endpoint: _recorded_as(endpoint, scenario) for endpoint in endpoints}
    problems = [_slip(endpoint, name) for endpoint, name in recorded.items() if name != endpoint]
    if problems:
        raise refusal(Path(scenario.folder) / "targets.yaml", problems)


def _slip(endpoint: str, recorded: str) -> str:
    method = " (or with another method)" if endpoint.startswith("/") else ""
    is_taken_for_id = _OWN_PLACEHOLDER.search(endpoint) and not _OWN_PLACEHOLDER.search(recorded)
    grouping = ", or give values that are no ids a grouping pattern" if is_taken_for_id else ""
    return f"{endpoint} is never recorded: such requests are recorded as {recorded}{method}; name that endpoint{grouping}"


def _recorded_as(endpoint: str, scenario: Scenario) -> str:
    """What requests are recorded as that a target calls `endpoint`: the same, unless it is surely a slip.

    A name that the scenario gives itself (`name=`) is recorded as it is, so only METHOD + path, or a path, can be one.
    """
    method, _, path = ("", "", endpoint) if endpoint.startswith("/") else endpoint.partition(" ")
    if not path.startswith("/") or method.upper() not in {"", *HTTP_METHODS}:
        return endpoint
    if not method and _may_hold(scenario, "request_type"):  # events of its own, perhaps without a method
        return endpoint
    method = method.upper() or "GET"
    if not {path, endpoint}.isdisjoint(pattern.name for pattern in scenario.grouping):
        return f"{method} {path}"
    for placeholder in set(_OWN_PLACEHOLDER.findall(path)):
        if not _may_hold(scenario, placeholder):
            path = path.replace(placeholder, _SOME_ID)
    names = EndpointNames([(pattern.match, pattern.name) for pattern in scenario.grouping])
    return names.name_of(method, path)


def _may_hold(scenario: Scenario, text: str) -> bool:
    """Whether a file that makes the load holds `text`, so that a name could be made of it."""
    files = (path for path in Path(scenario.folder).rglob("*") if path.is_file() and path.name not in NOT_LOAD)
    return any(text in _text_of(path) for path in files if "__pycache__" not in path.parts)


def _text_of(path: Path) -> str:
    """What a file holds; of Python its strings and keywords: `{order_id}` in f"/orders/{order_id}" becomes an id, no name."""
    source = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix != ".py":
        return source
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # Locust tells it better
        return source
    strings = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    keywords = [node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg]
    return "\n".join(strings + keywords)


def _lists_users(lines: list[str]) -> bool:
    """Locust's list is a title and an indented line per user class."""
    return any(line[:1].isspace() and line.strip() for line in lines)
