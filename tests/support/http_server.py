"""A real HTTP server for tests, in a thread: counts what it answers, and can be slow, fail, stop and resume.

Answers `/…` with a small JSON body; `control` is read for each request.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BODY = b'{"ok": true}'


@dataclass
class Control:
    """`latency_s`: of each answer, or a function of (method, path); `status` likewise; `body`: of each answer;
    `stopped_until`: monotonic time before which nothing is answered; `headers`: added to each answer."""

    latency_s: float | Callable[[str, str], float] = 0.0
    status: int | Callable[[str, str], int] = 200
    stopped_until: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    refuse_health: bool = False
    body: bytes = BODY


class CountingServer:
    """`counts`: requests answered completely, by (method, path); `request_headers`: of the last request of each path."""

    def __init__(self) -> None:
        self.control = Control()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.request_headers: dict[str, dict[str, str]] = {}
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def total(self) -> int:
        """Answered requests, health checks left out."""
        return sum(count for (_, path), count in self.counts.items() if path != "/health")

    def stop_for(self, seconds: float) -> None:
        """Answer nothing for a while; requests wait."""
        self.control.stopped_until = time.monotonic() + seconds

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._connections: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in self._connections:
            writer.close()
        answering = asyncio.all_tasks() - {asyncio.current_task()}
        for task in answering:  # some wait for hours to answer
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while await self._request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        if length := int(headers.get("content-length", 0)):
            await reader.readexactly(length)
        path = target.split("?", 1)[0]
        control = self.control
        delay = control.latency_s(method, path) if callable(control.latency_s) else control.latency_s
        delay += max(0.0, control.stopped_until - time.monotonic())
        if delay > 0:
            await asyncio.sleep(delay)
        status = control.status(method, path) if callable(control.status) else control.status
        if path == "/health":
            status = 503 if control.refuse_health else 200
        body = control.body
        extra = "".join(f"{name}: {value}\r\n" for name, value in control.headers.items())
        writer.write(
            f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode()
            + body
        )
        await writer.drain()
        self.counts[method, path] += 1
        self.request_headers[path] = headers
        return headers.get("connection", "").lower() != "close"


@contextmanager
def counting_server() -> Iterator[CountingServer]:
    server = CountingServer()
    server.start()
    try:
        yield server
    finally:
        server.close()
