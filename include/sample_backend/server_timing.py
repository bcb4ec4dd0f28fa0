"""The W3C `Server-Timing` header: how long the database and the rest of the application took for a request.

`db` is time in statements, commits and waiting for a connection; `app` is everything else between the arrival of the
request and the start of the answer, so that the two add up to the server's time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _Stopwatch:
    """Shared by the event loop and the worker threads of one request, which run one after the other."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0


_database_time: ContextVar[_Stopwatch | None] = ContextVar("database_time", default=None)


@contextmanager
def database_time() -> Iterator[None]:
    """Count the time spent inside as database time of the current request."""
    start = time.perf_counter()
    try:
        yield
    finally:
        add_database_time(time.perf_counter() - start)


def add_database_time(seconds: float) -> None:
    if stopwatch := _database_time.get():
        stopwatch.seconds += seconds


class ServerTimingMiddleware:
    """Adds `Server-Timing: app;dur=<ms>, db;dur=<ms>` to each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        stopwatch = _Stopwatch()
        token = _database_time.set(stopwatch)

        async def add_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                db_ms = stopwatch.seconds * 1000
                app_ms = max((time.perf_counter() - start) * 1000 - db_ms, 0.0)
                message["headers"].append((b"server-timing", f"app;dur={app_ms:.3f}, db;dur={db_ms:.3f}".encode()))
            await send(message)

        try:
            await self._app(scope, receive, add_header)
        finally:
            _database_time.reset(token)
