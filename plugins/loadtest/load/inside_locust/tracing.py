"""Puts a W3C `traceparent` on the requests of Locust's own HTTP clients and keeps them on the hosts that the environment names.

Hooks in below Locust, where redirects pass too. FastHttpUser's client gets the header as text into the finished request
head: as one more entry of its header objects it would cost 2 us, of 160 us for the whole request.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

import requests.exceptions
from geventhttpclient.client import HTTPClient
from locust.clients import LocustHttpAdapter

HEADER = "traceparent"


class Tracer(Protocol):
    """Who gives each request its trace, and hears of those that a scenario traces itself: the recorder in a load."""

    def next_traceparent(self, method: str, target: str) -> str: ...

    def own_trace(self, method: str, target: str) -> None: ...


class ForeignHostError(ConnectionError):
    """A request to a host that the environment does not name: not sent, and recorded as failed. As FastHttpUser expects it: what
    has a `response`, as the errors of `requests` have, it takes for an answer."""


class ForeignHostRequestsError(requests.exceptions.ConnectionError):
    """The same for HttpUser."""


def trace_requests(tracer: Tracer, base_url: str, others: tuple[tuple[str, str, int], ...] = ()) -> None:
    """Trace every request, and refuse those that go neither to the origin of `base_url` nor to one of `others`."""
    next_traceparent = tracer.next_traceparent
    own = origin(base_url)
    allowed = {own, *others}
    build, init, send = HTTPClient._build_request, HTTPClient.__init__, LocustHttpAdapter.send

    # named parameters, because collecting and spreading *args costs a third of the whole trace
    def build_traced(client, method, request_uri, body=b"", headers=None, chunked=None):
        head = build(client, method, request_uri, body, headers, chunked)
        if "raceparent: " in head:  # the scenario's own, in either case; no URL has a space
            tracer.own_trace(method, request_uri)
            return head
        return f"{head[:-2]}traceparent: {next_traceparent(method, request_uri)}\r\n\r\n"

    def init_allowed(client, *args, **kwargs):
        init(client, *args, **kwargs)
        refuse_foreign(("https" if client.ssl else "http", client.host.lower(), client.port), ForeignHostError)

    def send_traced(adapter, request, *args, **kwargs):
        if not request.url.startswith(base_url + "/"):
            refuse_foreign(origin(request.url), ForeignHostRequestsError)
        if HEADER in request.headers:
            tracer.own_trace(request.method, request.path_url)
        else:
            request.headers[HEADER] = next_traceparent(request.method, request.path_url)
        return send(adapter, request, *args, **kwargs)

    def refuse_foreign(target: tuple[str, str, int | None], error: type[Exception]) -> None:
        if target not in allowed:
            raise error(
                f"not sent to {shown(target)}, because this run may only send load to {shown(own)}; if it may be called, name it "
                "under allowed_hosts in the environment's file"
            )

    HTTPClient._build_request = build_traced  # type: ignore[method-assign]
    HTTPClient.__init__ = init_allowed  # type: ignore[method-assign, assignment]
    LocustHttpAdapter.send = send_traced  # type: ignore[method-assign, assignment]


def origin(url: str) -> tuple[str, str, int | None]:
    """(scheme, host, port); default ports and user names make no difference."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def shown(target: tuple[str, str, int | None]) -> str:
    scheme, host, port = target
    return f"{scheme}://{host}:{port}"
