"""A bare HTTP server in a process of its own, several times as fast as one Locust process: never the bottleneck measured.

Counts answered requests in shared memory; can be stopped for a while, and slowed down.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 64\r\nServer-Timing: app;dur=1.25, db;dur=0.75\r\n\r\n"
    + b"x" * 64
)


class FastServer:
    """`count`: requests answered; `stop_for(seconds)`: requests wait so long; `latency_s`: of each answer. `host` and
    `port`: where it listens, a free port by itself."""

    def __init__(self, latency_s: float = 0.0, host: str = "127.0.0.1", port: int = 0) -> None:
        context = multiprocessing.get_context("fork")
        self._count = context.Value("q", 0, lock=False)
        self._stopped_until = context.Value("d", 0.0, lock=False)
        self._latency_s, self._address = latency_s, (host, port)
        reader, writer = context.Pipe(duplex=False)
        self._process = context.Process(target=self._run, args=(writer,), daemon=True)
        self._process.start()
        self.port: int = reader.recv()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def count(self) -> int:
        return self._count.value

    def stop_for(self, seconds: float) -> None:
        self._stopped_until.value = time.time() + seconds

    def close(self) -> None:
        self._process.terminate()
        self._process.join(5)

    def _run(self, port_to) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        asyncio.run(self._serve(port_to))

    async def _serve(self, port_to) -> None:
        loop = asyncio.get_running_loop()
        count, stopped_until, latency_s = self._count, self._stopped_until, self._latency_s

        class Connection(asyncio.Protocol):
            def connection_made(self, transport) -> None:
                self.transport = transport
                self.received = b""

            def data_received(self, data: bytes) -> None:
                self.received += data
                requests = self.received.count(b"\r\n\r\n")  # GET requests only, so the head is all there is
                if not requests:
                    return
                healthy = requests == 1 and self.received.startswith(b"GET /health")
                self.received = self.received[self.received.rindex(b"\r\n\r\n") + 4 :]
                delay = latency_s + max(0.0, stopped_until.value - time.time())
                if delay > 0:
                    loop.call_later(delay, self.answer, requests, healthy)
                else:
                    self.answer(requests, healthy)

            def answer(self, requests: int, healthy: bool) -> None:
                if not self.transport.is_closing():
                    self.transport.write(ANSWER * requests)
                    count.value += 0 if healthy else requests

        server = await loop.create_server(Connection, *self._address, backlog=2048)
        port_to.send(server.sockets[0].getsockname()[1])
        with suppress(asyncio.CancelledError):
            await server.serve_forever()


@contextmanager
def fast_server(latency_s: float = 0.0) -> Iterator[FastServer]:
    server = FastServer(latency_s)
    try:
        yield server
    finally:
        server.close()
