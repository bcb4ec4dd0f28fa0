"""How one gets at a service: its health check, the headers that requests need, TLS. Secrets stand here by name only."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from loadtest.errors import ConfigurationError
from loadtest.files import BY_NAME_TOO, NOT_SHOWN, Record
from loadtest.planning.quantities import DurationS
from loadtest.planning.references import filled, has_reference, without_references
from loadtest.planning.tls import tls_context

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_CREDENTIAL = re.compile(r"(?i)auth|cookie|session|token|secret|password|api[_-]?key|access[_-]?key|signature")
# Each request makes its own.
_OF_REQUESTS = {"host", "connection", "content-length", "transfer-encoding", "traceparent"}


def _checked(headers: dict[str, str]) -> dict[str, str]:
    if len({name.lower() for name in headers}) < len(headers):
        raise _refused("a header stands here twice, for upper and lower case make no difference")
    for name, value in headers.items():
        if problem := _problem(name, value):
            raise _refused(problem)
    return headers


def _problem(name: str, value: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        return f"{name[:60]!r} is no name of a header"
    if name.lower() in _OF_REQUESTS:
        return f"the header {name} cannot be given, because each request makes its own"
    if "${" in without_references(value):
        return f"the header {name}: write ${{NAME}} for a variable, ${{conn.ID.password}} for a field of an Airflow connection"
    if not _HEADER_VALUE.fullmatch(value):
        return f"the header {name}: the value must be one line of ASCII characters"
    if _CREDENTIAL.search(name) and not has_reference(value):
        return f"the header {name} carries a secret, which belongs in no file; write ${{NAME}} for a variable that holds it"
    return ""


def _refused(problem: str) -> PydanticCustomError:
    """Of a type whose value is not shown: it may be the secret."""
    return PydanticCustomError(NOT_SHOWN, "{problem}", {"problem": problem})


Headers = Annotated[dict[str, str], AfterValidator(_checked)]


class HealthCheck(Record):
    """What is asked to see whether the service is well. `health: /path` alone means: any answer of 200 to 299 is healthy."""

    path: str = Field(default="/health", pattern="^/", description="Path of the health check, below the base URL.")
    status: int | None = Field(
        default=None, ge=200, le=599, description="The only status code that counts as healthy; any from 200 to 299 if left out."
    )
    headers: Headers = Field(
        default={}, description="Headers for the health check, in addition to the environment's; secrets as `${NAME}`."
    )
    timeout_s: DurationS = Field(
        default=2, alias="timeout", gt=0, le=60, description="How long one health check may take, such as `2s`."
    )

    model_config = BY_NAME_TOO

    @property
    def expected(self) -> str:
        return str(self.status) if self.status else "2xx"

    def accepts(self, status: int) -> bool:
        return status == self.status if self.status else 200 <= status < 300


class Tls(Record):
    """How an `https` service proves who it is, and how we do. Paths of PEM files, relative to the project."""

    ca_file: str | None = Field(
        default=None,
        description="PEM file of the certificate authority, or self-signed certificate, to trust in place of the system's.",
    )
    cert_file: str | None = Field(default=None, description="PEM file of the client certificate.")
    key_file: str | None = Field(
        default=None, description="PEM file of its private key, without a passphrase; read from `cert_file` if left out."
    )
    verify: bool = Field(
        default=True, description="`false` accepts any certificate of the service; use it for test systems only."
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Tls:
        if self.key_file and not self.cert_file:
            raise ValueError("key_file is of a client certificate; name its cert_file too")
        if self.ca_file and not self.verify:
            raise ValueError("with verify: false no authority is asked; remove ca_file, or verify")
        return self

    def context(self) -> ssl.SSLContext:
        """Raises OSError (ssl.SSLError is one) for files that cannot be used."""
        return tls_context(self.ca_file, self.cert_file, self.key_file, verify=self.verify)


def filled_headers(headers: Mapping[str, str], needed_by: str) -> dict[str, str]:
    """The headers with the values that their references name; raises ConfigurationError for one that is missing, or that no
    header can hold. The sentence holds no value."""
    full = {name: filled(value, needed_by) for name, value in headers.items()}
    for name, value in full.items():
        if not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(
                f"{needed_by} cannot send the header {name}: the variable that it names holds more than one line, or characters "
                "beyond ASCII."
            )
    return full
