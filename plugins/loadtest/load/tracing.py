"""Puts a W3C `traceparent` on the requests of Locust's own HTTP clients and keeps them on the environment's host.

Patches the one method through which all requests of a client go; a scenario that sets its own header keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from loadtest.load.recorder import Recorder

HEADER = "traceparent"


class ForeignHostError(ConnectionError):
    """A scenario wanted to send load to a host that the environment does not name."""


def trace_requests(recorder: Recorder, base_url: str | None) -> None:
    """Wrap FastHttpSession and HttpSession; `base_url`: the only origin that requests may go to (None: any)."""
    from locust.clients import HttpSession
    from locust.contrib.fasthttp import FastHttpSession

    for session in (HttpSession, FastHttpSession):
        session._send_request_safe_mode = _traced(session._send_request_safe_mode, recorder, base_url)  # type: ignore[method-assign]


def _traced(send: Callable, recorder: Recorder, base_url: str | None) -> Callable:
    allowed = base_url.rstrip("/") if base_url else ""
    inside = allowed + "/"
    next_traceparent = recorder.next_traceparent

    def send_traced(session, method, url, headers=None, **kwargs):
        if allowed and not url.startswith(inside) and not same_origin(url, allowed):
            raise ForeignHostError(f"the request to {origin(url)} was not sent: this run may only send load to {origin(allowed)}")
        traced = {HEADER: next_traceparent()}
        if headers:
            traced.update(headers)  # a scenario's own header stays
        return send(session, method, url, headers=traced, **kwargs)

    return send_traced


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def same_origin(url: str, base_url: str) -> bool:
    """Whether scheme, host and port are the same; default ports and user names do not matter."""
    try:
        one, other = urlsplit(url), urlsplit(base_url)
        return (one.scheme, one.hostname, _port(one)) == (other.scheme, other.hostname, _port(other))
    except ValueError:
        return False


def _port(parts) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
