"""Everything that is wrong with the files of a project, all at once, with the line where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loadtest.errors import ConfigurationError, LoadTestError
from loadtest.planning.config import (
    described_scenario,
    load_environment,
    load_profile,
    load_scenario,
    profile_file,
    read_common_criteria,
    read_criteria,
    read_targets,
)
from loadtest.planning.models import Scenario
from loadtest.planning.resolve import check_together, checked_url
from loadtest.planning.schedules import load_schedule
from loadtest.settings import Settings

ScenarioCheck = Callable[[Scenario], object]
_FILE = re.compile(r"(?P<file>\S*\.(?:ya?ml|py))(?P<rest>.*)", re.DOTALL)
_PLACE = re.compile(r"(?:- )?(?P<place>[^:]+?): ")


@dataclass(frozen=True)
class Problem:
    """`line`: counted from 1; None where it is about the whole file."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


def profile_problems(settings: Settings, name: str) -> list[Problem]:
    return _problems(profile_file(settings, name), lambda: load_profile(settings, name))


def environment_problems(settings: Settings, name: str) -> list[Problem]:
    """What a variable or connection will hold is not known here; a base URL is looked at."""
    path = settings.environments / f"{name}.yaml"

    def check() -> None:
        environment = load_environment(settings, name)
        if environment.base_url:
            checked_url(environment.base_url.replace("{port}", "1"), f"environment {name!r}")

    return _problems(path, check)


def schedule_problems(settings: Settings, name: str) -> list[Problem]:
    """Of the file itself, and of what it asks for together: profile, environment and overrides must fit."""

    def check() -> None:
        check_together(load_schedule(settings, name).request(), settings)

    return _problems(settings.schedules / f"{name}.yaml", check)


def criteria_problems(settings: Settings) -> list[Problem]:
    """Of the criteria that all scenarios share."""
    return _problems(settings.criteria, lambda: read_common_criteria(settings.criteria))


def scenario_problems(settings: Settings, name: str, check: ScenarioCheck) -> list[Problem]:
    """Of scenario.yaml, targets.yaml, criteria.yaml; if they are sound, what `check` finds (does Locust load it?)."""
    folder = settings.scenarios / name
    found = [
        *_problems(folder / "targets.yaml", lambda: read_targets(folder / "targets.yaml")),
        *_problems(folder / "criteria.yaml", lambda: read_criteria(folder / "criteria.yaml")),
    ]
    found += _problems(folder / "scenario.yaml", lambda: described_scenario(folder))
    return found or _problems(folder / "locustfile.py", lambda: check(load_scenario(settings, name)))


def _problems(path: Path, read: Callable[[], object]) -> list[Problem]:
    try:
        read()
    except ConfigurationError as error:
        return list(_told(path, str(error)))
    except LoadTestError as error:
        return [Problem(str(path), None, str(error))]
    return []


def _told(path: Path, text: str) -> Iterator[Problem]:
    """A refusal as problems: one sentence, or a head and a line each."""
    head, *lines = text.splitlines()
    begins = _FILE.match(head)
    file = begins["file"] if begins else str(path)
    if lines and all(line.startswith("- ") for line in lines):
        yield from (Problem(file, line_of(Path(file), line), line.removeprefix("- ")) for line in lines)
        return
    message = begins["rest"].lstrip(": ,") if begins else head
    given = re.match(r"line (\d+)", message)
    yield Problem(file, int(given[1]) if given else line_of(Path(file), message), "\n".join([message, *lines]))


def line_of(file: Path, message: str) -> int | None:
    """Where in a YAML file the place stands that a problem begins with, such as `abort_when, item 2, above: ...`."""
    found = _PLACE.match(message)
    if found is None or file.suffix not in (".yaml", ".yml"):
        return None
    try:
        node: Any = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    line = None
    for step in _steps(found["place"], node):
        key, node = step
        line = key.start_mark.line + 1
    return line


def _steps(place: str, node: Any) -> Iterator[tuple[Any, Any]]:
    """The nodes on the way, as far as the file has them. Keys may hold dots and spaces: the longest that fits is taken."""
    rest = place
    while rest and node is not None:
        if isinstance(node, yaml.MappingNode):
            for key, value in sorted(node.value, key=lambda pair: -len(str(pair[0].value))):
                names = {str(key.value), *_ALIASES.get(str(key.value), ())}
                name = next((name for name in names if re.match(rf"{re.escape(name)}(?:[.,]|$)", rest)), None)
                if name is not None:
                    yield key, value
                    rest, node = rest[len(name) :].lstrip("., "), value
                    break
            else:
                section = next((value for key, value in node.value if key.value in ("endpoints", "criteria")), None)
                if section is None or not isinstance(section, yaml.MappingNode):
                    return
                node = section
        elif isinstance(node, yaml.SequenceNode) and (item := re.match(r"item (\d+)", rest)):
            number = int(item[1]) - 1
            if number >= len(node.value):
                return
            yield node.value[number], node.value[number]
            rest, node = rest[item.end() :].lstrip("., "), node.value[number]
        else:
            return


_ALIASES = {"duration": ("duration_s",), "for": ("for_s",)}
