"""What a reader hands on, whatever the tool: totals by endpoint, or every request."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from loadtest.errors import ConfigurationError
from loadtest.importing.numbers import MOST_LATENCY_MS, number
from loadtest.load.grouping import EndpointNames

MOST_ENDPOINTS = 2_000
MOST_CAUSES = 1_000
OTHER_CAUSE = "(other causes)"


@dataclass(frozen=True)
class Totals:
    """One endpoint: latencies in ms by the names of `EndpointMetrics`, those that the tool tells."""

    endpoint: str
    n: int
    errors: int
    values: dict[str, float]

    @classmethod
    def of(cls, place: str, endpoint: str, n: object, errors: object, **values: object | None) -> Totals:
        """Checked: counts that are counts, latencies that are possible. What is None is unknown."""
        requests = int(number(n, f"{place}: the number of requests", least=0, most=2**53))
        failed = int(number(errors, f"{place}: the number of failures", least=0, most=2**53))
        if failed > requests:
            raise ConfigurationError(f"{place}: {failed} failures of {requests} requests cannot be; nothing was imported.")
        most = {"mean_bytes": 1e15}
        known = {
            name: number(value, f"{place}: {name}", least=0, most=most.get(name, MOST_LATENCY_MS))
            for name, value in values.items()
            if value is not None
        }
        return cls(endpoint, requests, failed, known)


class Names:
    """Endpoint names as ours, each once: ids in paths folded, the method in front."""

    def __init__(self) -> None:
        self._names, self._known = EndpointNames(), dict[tuple[str, str, str | None], str]()

    def __call__(self, method: str, name: str, url: str | None = None) -> str:
        key = (method, name, url)
        if key not in self._known:
            if len(self._known) > 100 * MOST_ENDPOINTS:
                self._known.clear()  # a name for each request
            self._known[key] = self._names.name_of(method, name, url)
        return self._known[key]


class Requests:
    """Every request in a few bytes, in any order. `endpoints` and `causes`: names by code; cause 0 is success."""

    def __init__(self) -> None:
        self.start_us, self.latency_us, self.users = array("q"), array("I"), array("H")
        self.endpoint, self.cause, self.status = array("H"), array("H"), array("H")
        self.bytes = array("I")
        self.endpoints: dict[str, int] = {}
        self.causes: dict[str, int] = {"": 0}

    def __len__(self) -> int:
        return len(self.start_us)

    def add(
        self, start_s: float, latency_ms: float, endpoint: str, cause: str, *, status: int = 0, size: int = 0, users: int = 0
    ) -> None:
        """Raises ConfigurationError for more endpoints than anybody can read."""
        code = self.endpoints.setdefault(endpoint, len(self.endpoints))
        if code >= MOST_ENDPOINTS:
            raise ConfigurationError(
                f"There are more than {MOST_ENDPOINTS:,} endpoint names, such as {endpoint[:80]!r}; name the requests of a kind "
                "alike in the tool's script. Nothing was imported."
            )
        if cause not in self.causes and len(self.causes) >= MOST_CAUSES:
            cause = OTHER_CAUSE
        self.start_us.append(round(start_s * 1e6))
        self.latency_us.append(round(latency_ms * 1000))
        self.endpoint.append(code)
        self.cause.append(self.causes.setdefault(cause, len(self.causes)))
        self.status.append(min(max(status, 0), 999))
        self.bytes.append(min(max(size, 0), 2**32 - 1))
        self.users.append(min(max(users, 0), 65_535))


@dataclass(frozen=True)
class ParsedRun:
    """One run of another tool. Either `totals`, with `total` of all where the tool tells it, or `requests`. Times in seconds
    since 1970, None where the tool tells none; `notes`: what a reader must know of the numbers."""

    tool: str
    totals: tuple[Totals, ...] = ()
    total: Totals | None = None
    requests: Requests | None = None
    started_s: float | None = None
    duration_s: float | None = None
    users: int | None = None
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = field(default=())

    @property
    def aggregated(self) -> bool:
        return self.requests is None


def unique(totals: Iterable[Totals], place: str) -> tuple[Totals, ...]:
    """Raises ConfigurationError where an endpoint stands there twice, or where there are none or too many."""
    found: dict[str, Totals] = {}
    for row in totals:
        if row.endpoint in found:
            raise ConfigurationError(f"{place}: {row.endpoint!r} stands there twice; nothing was imported.")
        found[row.endpoint] = row
        if len(found) > MOST_ENDPOINTS:
            raise ConfigurationError(f"{place} has more than {MOST_ENDPOINTS:,} endpoints; nothing was imported.")
    if not found:
        raise ConfigurationError(f"{place} has no requests; nothing was imported.")
    return tuple(found.values())
