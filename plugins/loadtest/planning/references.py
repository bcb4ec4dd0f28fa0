"""`${NAME}` in an environment's file: a variable of whoever starts the run. `${conn.ID.FIELD}`: `login`, `password` or a key
of the extra of an Airflow connection.

Within Airflow a task looks connections up once and keeps their fields in variables of its own process (`LOADTEST_CONN_...`);
elsewhere whoever starts the run may set them. So everything below Airflow knows variables only, and none of the values is
written anywhere: each that was looked at is masked from then on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from loadtest.errors import ConfigurationError
from loadtest.masking import learn_secrets

# The connection's id and a field (`url` is its base URL) to a text; None where there is none.
ConnectionLookup = Callable[[str, str], str | None]

_REFERENCE = re.compile(
    r"\$\{(?:conn\.(?P<connection>[A-Za-z0-9_-]+)\.(?P<field>[A-Za-z0-9_-]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*))\}"
)


@dataclass(frozen=True)
class Reference:
    """`variable`: what holds the value; `connection` and `field`: where it comes from, empty for a plain variable."""

    variable: str
    connection: str = ""
    field: str = ""

    @classmethod
    def of(cls, match: re.Match[str]) -> Reference:
        if match["name"]:
            return cls(match["name"])
        name = re.sub(r"[^A-Z0-9]", "_", f"{match['connection']}_{match['field']}".upper())
        return cls(f"LOADTEST_CONN_{name}", match["connection"], match["field"])


def references(texts: Iterable[str]) -> list[Reference]:
    return [Reference.of(match) for text in texts for match in _REFERENCE.finditer(text)]


def has_reference(text: str) -> bool:
    return _REFERENCE.search(text) is not None


def without_references(text: str) -> str:
    return _REFERENCE.sub("", text)


def filled(text: str, needed_by: str) -> str:
    """`text` with the values in place of the references; raises ConfigurationError, which begins with `needed_by`, for one
    that is not set. The values count as secrets from now on."""

    def value(match: re.Match[str]) -> str:
        reference = Reference.of(match)
        if not os.environ.get(reference.variable):
            raise ConfigurationError(f"{needed_by} needs {_missing(reference)}.")
        return os.environ[reference.variable]

    full = _REFERENCE.sub(value, text)
    learn_secrets(os.environ[reference.variable] for reference in references([text]))
    return full


def _missing(reference: Reference) -> str:
    if not reference.connection:
        return f"the environment variable {reference.variable}, which is not set"
    return (
        f"{reference.field} of the Airflow connection {reference.connection!r}, which there is not here; make the connection, or "
        f"set the environment variable {reference.variable} where no Airflow starts the run"
    )


def provide(texts: Iterable[str], lookup: ConnectionLookup) -> None:
    """Look up the connections that the texts name, and count all that they refer to as secret. What is missing stays missing:
    `filled` says so, where it is needed."""
    for reference in references(texts):
        if reference.connection and reference.variable not in os.environ:
            found = lookup(reference.connection, reference.field)
            if found:
                os.environ[reference.variable] = found
        learn_secrets([os.environ.get(reference.variable, "")])
