"""Requests to hosts that the environment allows beside the service: counted apart, in no latency and no error rate of it."""

from __future__ import annotations

from typing import Any

from gevent import getcurrent

from loadtest.load.inside_locust.recorder import Recorder
from loadtest.load.inside_locust.tracing import origin, shown


class OtherHosts:
    """Stands before the recorder. Where a request goes is what the scenario asked for, redirects do not count: a login that the
    service sends on to an identity provider is a request of the service. `allowed`: origins, as `tracing.origin` gives them."""

    def __init__(self, recorder: Recorder, allowed: tuple[tuple[str, str, int], ...]) -> None:
        self._recorder, self._allowed = recorder, frozenset(allowed)
        self._counts: dict[str, list[float]] = {}  # by host: requests, failures, milliseconds

    def on_request(self, *, url: str | None = None, **event: Any) -> None:
        """A `request` event of Locust."""
        host = self._other(url)
        if host is None:
            self._recorder.on_request(url=url, **event)
            return
        self._recorder.in_flight.pop(getcurrent(), None)
        counts = self._counts.setdefault(host, [0, 0, 0.0])
        counts[0] += 1
        counts[1] += event.get("exception") is not None
        took_ms = event.get("response_time")
        counts[2] += took_ms if isinstance(took_ms, int | float) and took_ms > 0 else 0.0

    def facts(self) -> dict[str, dict[str, list[float]]]:
        """Counts since the start, for the facts of a second."""
        return {"other_hosts": self._counts}

    def _other(self, url: str | None) -> str | None:
        if not isinstance(url, str) or "://" not in url:
            return None
        try:
            target = origin(url)
        except ValueError:  # no URL; the recorder knows what to make of it
            return None
        return shown(target) if target in self._allowed else None
