"""A service whose capacity is known: so many workers, each request takes one of them for a fixed time, first come first served.

    python pool_service.py PORT WORKERS SERVICE_S

With closed-loop users who wait W between requests, all workers are busy from WORKERS * (SERVICE_S + W) / SERVICE_S users on, and
R seconds per answer are reached at WORKERS * (R + W) / SERVICE_S users. `/health` is answered beside the pool.
"""

from __future__ import annotations

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Pool:
    """By the clock of the event loop, not by sleeping workers: a busy machine delays an answer, but takes no capacity away."""

    def __init__(self, workers: int, service_s: float) -> None:
        self._free_at = [0.0] * workers
        self._service_s = service_s

    async def serve(self) -> None:
        now = asyncio.get_running_loop().time()
        worker = min(range(len(self._free_at)), key=self._free_at.__getitem__)
        done_at = max(now, self._free_at[worker]) + self._service_s
        self._free_at[worker] = done_at
        await asyncio.sleep(done_at - now)


async def main(port: int, workers: int, service_s: float) -> None:
    pool = Pool(workers, service_s)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                if not request.startswith(b"GET /health"):
                    await pool.serve()
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
