"""Variables of a scenario (`env:` and `secrets:`): what its Locust file finds in os.environ, and where each value is kept.

A plan holds names and places; values are looked up when a load starts, and are never written down. Values of Airflow
connections are read from `AIRFLOW_CONN_*`: tasks put the connections that a plan names there (`loadtest.operators`).
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from loadtest.errors import ConfigurationError
from loadtest.files import Record
from loadtest.planning.quantities import AlsoWritten

KEPT_PREFIX = "SCENARIO_"  # these reach a scenario without being named
MOST_BYTES = 64 * 1024
_NOT_THEIRS = re.compile(r"(?:PATH|HOME)$|(?:LOADTEST|LOCUST|AIRFLOW|PYTHON|LD|GX)_?", re.IGNORECASE)
_OF_EVERY_SHELL = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "PWD", "SHELL", "HOSTNAME", "TERM", "CI"}


IGNORED = "Set here and read by the Locust files, but not handed to them; name them under secrets: or env: of the scenario:"


class Source(Record):
    """Where a value is kept: exactly one of an environment variable, a file and an Airflow connection."""

    variable: str | None = Field(default=None, description="Name of the environment variable that holds the value.")
    file: str | None = Field(default=None, description="Path of the file that holds the value, relative to the project folder.")
    connection: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_.-]+$", description="Id of the Airflow connection that holds the value."
    )
    field: str = Field(
        default="password", description="Field of the connection, such as `login` or `password`, or a key of its extra."
    )

    @model_validator(mode="after")
    def _is_one(self) -> Source:
        if len([place for place in (self.variable, self.file, self.connection) if place]) != 1:
            raise ValueError("give one of variable, file and connection")
        return self

    def __str__(self) -> str:
        if self.connection:
            return f"{self.field} of the Airflow connection {self.connection!r}"
        return f"the file {self.file}" if self.file else f"the environment variable {self.variable}"


def _free_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError("a variable's name consists of letters, digits and _")
    if _NOT_THEIRS.match(name):
        raise ValueError("this name is Locust's, Python's or ours; choose another")
    return name


def _as_text(value: Any) -> Any:
    """YAML makes numbers and booleans of what the environment knows as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _by_their_own_names(data: Any) -> Any:
    """`secrets: {API_TOKEN: }` is the variable of the same name."""
    if not isinstance(data, dict):
        return data
    return {name: {"variable": name} if value is None else value for name, value in data.items()}


Name = Annotated[str, AfterValidator(_free_name)]
Env = dict[Name, Annotated[str | Source, BeforeValidator(_as_text), AlsoWritten(8080, True)]]
Secrets = Annotated[dict[Name, Annotated[Source, AlsoWritten(None)]], BeforeValidator(_by_their_own_names)]


class Declared(Record):
    """The `env:` and `secrets:` that a scenario and an environment share."""

    env: Env = Field(default={}, description="Variables for the Locust file: a value, or where to find it.")
    secrets: Secrets = Field(
        default={},
        description=(
            "Secret variables for the Locust file, which are masked everywhere; an empty entry reads the "
            "environment variable of that name."
        ),
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Declared:
        if both := sorted(self.env.keys() & self.secrets.keys()):
            raise ValueError(f"{both[0]} stands in env and in secrets; keep one of them")
        return self


def values_of(home: Path, *declared: Declared, with_connections: bool = True) -> dict[str, str]:
    """The variables with their values; later ones win. Raises ConfigurationError for a value that is not to be had.

    `with_connections`: whether those of Airflow connections are looked up, too.
    """
    values = {}
    for one in declared:
        for name, place in (one.env | one.secrets).items():
            if isinstance(place, str):
                values[name] = place
            elif with_connections or not place.connection:
                values[name] = _value(name, place, home)
    return values


def values_to_try(home: Path, *declared: Declared) -> dict[str, str]:
    """The same for a Locust file that is only loaded: where a value is not to be had (in CI), a word stands for it."""
    values = {}
    for one in declared:
        for name, place in (one.env | one.secrets).items():
            try:
                values[name] = place if isinstance(place, str) else _value(name, place, home)
            except ConfigurationError:
                values[name] = "not-set-here"
    return values


def secret_names(*declared: Declared) -> list[str]:
    return sorted({name for one in declared for name in one.secrets})


def connections_of(*declared: Declared) -> list[str]:
    """Ids of the Airflow connections that hold a value."""
    places = [place for one in declared for place in (one.env | one.secrets).values()]
    return sorted({place.connection for place in places if isinstance(place, Source) and place.connection})


def _value(name: str, source: Source, home: Path) -> str:
    if source.connection:
        value = connection_field(os.environ.get(connection_variable(source.connection), ""), source.field)
    elif source.file:
        value = _content(home / source.file)
    else:
        value = os.environ.get(source.variable or "")
    if not value:
        raise ConfigurationError(
            f"The scenario's variable {name} comes from {source}, where there is none; set it, then run again."
        )
    return value


def _content(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        return None


def connection_variable(connection: str) -> str:
    return f"AIRFLOW_CONN_{connection.upper()}"


def connection_field(text: str, field: str) -> str | None:
    """A field of a connection as Airflow writes it into a variable: JSON or a URI."""
    if text.startswith("{"):
        try:
            data = json.loads(text)
            extra = data.get("extra") or {}
            extra = json.loads(extra) if isinstance(extra, str) else extra
        except (ValueError, AttributeError):
            return None
        value = data.get(field, extra.get(field) if isinstance(extra, dict) else None)
        return None if value is None else str(value)
    try:
        parts = urlsplit(text)
        fields = {"login": parts.username, "password": parts.password, "host": parts.hostname, "schema": parts.path.strip("/")}
    except ValueError:
        return None
    return unquote(fields.get(field) or "") or None


def ignored_variables(folder: str, *declared: Declared) -> list[str]:
    """Variables that are set here and read by the Locust file, yet do not reach it, because nobody named them."""
    named = {name for one in declared for name in (*one.env, *one.secrets)}
    read = {name for path in sorted(Path(folder).rglob("*.py")) for name in _read_in(path)}
    return sorted(
        name for name in read if name in os.environ and name not in named | _OF_EVERY_SHELL and not name.startswith(KEPT_PREFIX)
    )


def _read_in(path: Path) -> Iterator[str]:
    """Names in `os.environ["X"]`, `os.environ.get("X")` and `os.getenv("X")`."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _ends_in(node.value, "environ"):
            yield from _text(node.slice)
        elif isinstance(node, ast.Call) and node.args:
            function = node.func
            of_environ = isinstance(function, ast.Attribute) and function.attr == "get" and _ends_in(function.value, "environ")
            if of_environ or _ends_in(function, "getenv"):
                yield from _text(node.args[0])


def _ends_in(node: ast.expr, name: Literal["environ", "getenv"]) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == name) or (isinstance(node, ast.Name) and node.id == name)


def _text(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
