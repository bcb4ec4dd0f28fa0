"""Values for arguments that a Locust file adds to Locust's command line; secrets come from the environment, never from a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from loadtest.errors import ConfigurationError
from loadtest.masking import is_secret_variable

ArgumentValue = str | int | float | bool | tuple[str | int | float, ...]

name_pattern = r"^[A-Za-z][A-Za-z0-9_-]{0,99}$"
SECRET_PREFIX = "SCENARIO_"  # these variables reach Locust, and their values are masked wherever something is written
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def named_values(given: Iterable[str]) -> dict[str, ArgumentValue]:
    """`name=value` each, as people type them; of a name that comes again all values. Raises ValueError with a clause."""
    named: dict[str, tuple[str, ...]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(name_pattern, name.strip()):
            raise ValueError(f"an argument is written name=value, not {text[:60]!r}")
        named[name.strip()] = (*named.get(name.strip(), ()), value)
    return {name: values if len(values) > 1 else values[0] for name, values in named.items()}


def joined(own: Mapping[str, ArgumentValue], asked: Mapping[str, ArgumentValue]) -> dict[str, ArgumentValue]:
    """The scenario's own with those of one run in their place, whichever way a name is spelled."""
    replaced = canonical(asked)
    return {name: value for name, value in own.items() if _spelled(name) not in replaced} | dict(asked)


def canonical(arguments: Mapping[str, ArgumentValue]) -> dict[str, list[str]]:
    """The same for the same command line: `page-size: 5` in a file, `page_size=5` typed."""
    return {
        _spelled(name): [_typed(part) for part in (value if isinstance(value, tuple) else (value,))]
        for name, value in sorted(arguments.items())
    }


def as_options(arguments: Mapping[str, ArgumentValue]) -> list[str]:
    """What `loadtest run` takes to give them again."""
    named = ((name, value if isinstance(value, tuple) else (value,)) for name, value in arguments.items())
    return [word for name, values in named for one in values for word in ("--argument", f"{name}={_typed(one)}")]


def _spelled(name: str) -> str:
    return name.replace("-", "_")


def _typed(value: str | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_arguments(arguments: Mapping[str, ArgumentValue], where: str) -> None:
    """Raises ConfigurationError for a `${NAME}` that could never be filled, and for a secret that would end in the plan; never
    tells a value."""
    for argument, value in arguments.items():
        names = variables_of(value)
        for name in names:
            if not re.fullmatch(rf"{SECRET_PREFIX}\w+", name):
                raise ConfigurationError(
                    f"{where}, argument {argument}: only variables whose names begin with {SECRET_PREFIX} reach a scenario, and "
                    f"${{{name}}} does not; rename it."
                )
        if not names and is_secret_variable(argument) and not re.fullmatch(r"[\d.]*|true|false", str(value), re.IGNORECASE):
            raise ConfigurationError(
                f"{where}, argument {argument}: this looks like a secret, which would stand in the plan and the report; give it "
                f"as ${{{SECRET_PREFIX}...}}, a variable that is set where the load is started."
            )


def variables_of(value: ArgumentValue) -> list[str]:
    parts = value if isinstance(value, tuple) else (value,)
    return [name for part in parts if isinstance(part, str) for name in _VARIABLE.findall(part)]


def filled_in(arguments: Mapping[str, ArgumentValue]) -> dict[str, ArgumentValue]:
    """The arguments with each `${NAME}` replaced; not to be written anywhere. Raises ConfigurationError for a variable that is
    not set here."""
    missing = {name for value in arguments.values() for name in variables_of(value) if name not in os.environ}
    if missing:
        argument = next(name for name, value in arguments.items() if missing.intersection(variables_of(value)))
        raise ConfigurationError(
            f"The argument {argument} of the scenario needs the environment variable {min(missing)}, which is not set; set it "
            "where the load is started."
        )
    return {name: _filled(value) for name, value in arguments.items()}


def _filled(value: ArgumentValue) -> ArgumentValue:
    if isinstance(value, tuple):
        return tuple(_text(part) if isinstance(part, str) else part for part in value)
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ[found[1]], value)
