"""What a scenario can be written from, whatever it was read from: the requests of a service, and where their values come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Pool:
    """Values of `field` that answers of one list name, kept by each user under `attribute`; `first` until there are some.

    `way`: the keys from the answer to its list.
    """

    attribute: str
    field: str
    way: tuple[str, ...]
    first: Any


@dataclass(frozen=True)
class Constant:
    """A value that people will want to change, as it stands in a URL: it is given a name at the top of the file."""

    name: str
    value: str


@dataclass(frozen=True)
class Choice:
    """Paths of one endpoint, any of which will do."""

    name: str
    urls: tuple[str, ...]


# A part of a URL: text that is encoded already, a constant, a value of a pool, or all of it one of several.
Part = str | Constant | Pool | Choice


class BodyKind(StrEnum):
    """How a request's body is encoded."""

    JSON = "json"
    FORM = "form"
    MULTIPART = "multipart"
    TEXT = "text"


@dataclass(frozen=True)
class FormPart:
    """One part of a multipart form; a part without a file name is a plain field."""

    name: str
    text: str
    file_name: str | None = None


@dataclass(frozen=True)
class Body:
    """`value`: plain data for JSON, a flat mapping for forms, a list of FormPart for multipart ones, text otherwise."""

    kind: BodyKind
    value: Any
    content_type: str


class Proof(StrEnum):
    """How a service wants to know who asks."""

    HEADER = "header"
    QUERY = "query"
    COOKIE = "cookie"
    BEARER = "bearer"
    BASIC = "basic"
    PASSWORD_FLOW = "password_flow"
    CLIENT_CREDENTIALS = "client_credentials"


@dataclass(frozen=True)
class Credential:
    """One security scheme. `attribute`: the user's dict of headers; `key`: of a header, cookie or query parameter;
    `variable`: the environment variable (or its prefix) that holds the secret; `token_path`: where tokens are had."""

    attribute: str
    proof: Proof
    variable: str
    key: str = ""
    token_path: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        if self.proof in (Proof.BASIC, Proof.PASSWORD_FLOW):
            return (f"{self.variable}_USERNAME", f"{self.variable}_PASSWORD")
        if self.proof is Proof.CLIENT_CREDENTIALS:
            return (f"{self.variable}_CLIENT_ID", f"{self.variable}_CLIENT_SECRET")
        return (self.variable,)


@dataclass(frozen=True)
class Call:
    """One request that users send. `url`: its parts; `name`: what it is recorded as where parts of the URL differ."""

    method: str
    url: tuple[Part, ...]
    name: str | None
    task: str
    title: str = ""
    group: str = ""
    weight: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: Body | None = None
    credentials: tuple[Credential, ...] = ()
    fills: tuple[Pool, ...] = ()

    @property
    def endpoint(self) -> str:
        """What its requests are recorded as, before ids are folded."""
        texts = (part.urls[0] if isinstance(part, Choice) else part for part in self.url)
        path = self.name or "".join(text for text in texts if isinstance(text, str)).partition("?")[0]
        return f"{self.method} {path}"

    @property
    def reads(self) -> bool:
        return self.method in READING


@dataclass(frozen=True)
class LeftOut:
    """An operation that the scenario does not perform, and why."""

    endpoint: str
    reason: str


@dataclass(frozen=True)
class Service:
    """Everything that a Locust file is written from."""

    title: str
    source: str
    calls: tuple[Call, ...]
    left_out: tuple[LeftOut, ...] = ()
    server: str | None = None

    def without(self, is_useless: Callable[[Call], str | None]) -> Service:
        """Leaves out each call for which there is a reason; lists then fill only the pools that a remaining call takes from."""
        reasons = {call.task: reason for call in self.calls if (reason := is_useless(call))}
        kept = tuple(call for call in self.calls if call.task not in reasons)
        gone = tuple(LeftOut(call.endpoint, reasons[call.task]) for call in self.calls if call.task in reasons)
        service = replace(self, calls=kept, left_out=self.left_out + gone)
        needed = set(service.pools)
        fewer = (replace(call, fills=tuple(pool for pool in call.fills if pool in needed)) for call in kept)
        return replace(service, calls=tuple(fewer))

    @property
    def pools(self) -> list[Pool]:
        """Pools that some call takes from, each once."""
        return list(dict.fromkeys(part for call in self.calls for part in call.url if isinstance(part, Pool)))

    @property
    def constants(self) -> list[Constant]:
        return list(dict.fromkeys(part for call in self.calls for part in call.url if isinstance(part, Constant)))

    @property
    def choices(self) -> list[Choice]:
        return list(dict.fromkeys(part for call in self.calls for part in call.url if isinstance(part, Choice)))

    @property
    def credentials(self) -> list[Credential]:
        return list(dict.fromkeys(credential for call in self.calls for credential in call.credentials))
