"""Can Locust load this scenario, does it have users, can its targets be met, what does its load shape ask for? Asked before
anything starts."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

from pydantic import ValidationError

from loadtest.errors import ConfigurationError
from loadtest.files import first_problem
from loadtest.load.control.own_process import ask
from loadtest.load.failures import start_failure
from loadtest.load.grouping import HTTP_METHODS, EndpointNames
from loadtest.load.inspection import Inspection
from loadtest.masking import MASK
from loadtest.planning.arguments import variables_of
from loadtest.planning.config import NOT_LOAD
from loadtest.planning.models import Scenario
from loadtest.planning.problems import refusal
from loadtest.planning.profiles import MAX_DURATION_S, LoadModel, Profile, Stage
from loadtest.planning.quantities import format_duration
from loadtest.planning.shape_stages import levels_of, stages_of
from loadtest.planning.variables import Declared, secret_names, values_to_try
from loadtest.settings import settings

TIMEOUT_S = 60

# A segment such as `{order_id}`, which is not what the recording makes of an id, and an id to put in its place.
_OWN_PLACEHOLDER = re.compile(r"(?<=/)\{(?!id\}|date\})\w+\}(?=/|$)")
_SOME_ID = "123456"


def check_scenario(scenario: Scenario, profile: Profile | None = None, environment: Declared | None = None) -> Inspection:
    """Refuse targets on endpoints that are never recorded, and let Locust load the scenario's files; raises ConfigurationError
    with Locust's complaint, or what is wrong with arguments and tags, in one sentence. `environment`: gives variables, too."""
    check_targets(scenario)
    # Obeyed shapes are stages in the plan; here only the question whether one is set aside is open.
    sample_s = 1.0 if profile and profile.shape == "scenario" else 0.0
    is_open = bool(profile and profile.load_model is LoadModel.OPEN)
    return inspect(scenario, open_loop=is_open, sample_s=sample_s, environment=environment)


def stages_of_shape(scenario: Scenario, at_most_s: float) -> tuple[Stage, ...]:
    """What the scenario's own load shape asks for, until it ends or for `at_most_s`; raises ConfigurationError where it has none,
    it never ends, or it cannot be asked before the load."""
    found = inspect(scenario, sample_s=at_most_s)
    if not found.shape:
        raise ConfigurationError(
            f"The profile obeys the scenario's load shape, but scenario {scenario.name!r} has none; add a class that inherits "
            "from LoadTestShape, or choose another profile."
        )
    if found.shape_error:
        raise ConfigurationError(
            f"The load shape {found.shape} cannot be asked before the load starts ({found.shape_error}); give the profile a "
            "duration if the shape asks how long the load is, or describe the load as stages of a profile."
        )
    if not found.shape_ended and at_most_s >= MAX_DURATION_S:
        raise ConfigurationError(
            f"The load shape {found.shape} goes on for more than {format_duration(MAX_DURATION_S)}; give the profile a duration."
        )
    levels = levels_of(found.asked)
    if max(levels, default=0.0) < 1:
        raise ConfigurationError(f"The load shape {found.shape} asks for no users, so no load would be sent.")
    try:
        return stages_of(levels)
    except ValidationError as error:
        raise ConfigurationError(f"The load shape {found.shape} asks for what cannot be sent: {first_problem(error)}.") from None


def inspect(
    scenario: Scenario, *, open_loop: bool = False, sample_s: float = 0.0, environment: Declared | None = None
) -> Inspection:
    """Let Locust load the files in a process of its own; raises ConfigurationError where it cannot, or refuses the arguments."""
    question = {
        "files": scenario.locustfiles,
        "folder": str(Path(scenario.folder).resolve()),
        "tags": scenario.tags,
        "exclude_tags": scenario.exclude_tags,
        "literal": [name for name, value in scenario.arguments.items() if not variables_of(value)],
        "open_loop": open_loop,
        "sample_s": sample_s,
        "run_time_s": round(sample_s) if sample_s < MAX_DURATION_S else None,  # what Locust's --run-time would be
    }
    declared = (scenario, environment) if environment else (scenario,)
    variables = values_to_try(settings().home, *declared)
    try:
        asked = ask("inspection", question, scenario, variables, timeout_s=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        names = ", ".join(map(str, scenario.entries))
        raise ConfigurationError(
            f"The scenario {names} did not load within {TIMEOUT_S} s; move what takes so long out of its module level."
        ) from None
    found = Inspection.parse(asked.answer, "inspection") if asked.answer else None
    if found is None or not found.user_classes:
        sentence = start_failure(asked.lines if found is None else ["No User class found"], scenario, asked.exit_code)
        for name in secret_names(*declared):
            sentence = sentence.replace(variables[name], MASK)
        raise ConfigurationError(sentence)
    if found.problems:
        raise refusal(Path(scenario.folder) / "scenario.yaml", found.problems)
    return found


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
