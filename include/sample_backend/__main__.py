"""Command line: `python -m sample_backend --port 8000 --database-url sqlite:///school.db --slowdown '...'`."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sample_backend.slowdown import parse_slowdown

EXIT_FAILED = 1
EXIT_USAGE = 2


def main() -> int:
    options = _arguments()
    # The server raises the signal that stopped it once more when it is done; end in order then, and while starting.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        rules = parse_slowdown(options.slowdown)
        # Before anything slow, so that a port in use is known at once. Listening waits until there is somebody to answer.
        listener = _bind(options.host, options.port)
    except ValueError as error:
        return _refuse(str(error), EXIT_USAGE)
    except OSError as error:
        return _refuse(f"cannot listen on {options.host}:{options.port}: {error.strerror or error}.", EXIT_FAILED)

    with listener, _database_url(options.database_url) as database_url:
        import uvicorn

        from sample_backend.app import create_app
        from sample_backend.database import Database, DatabaseUnavailable
        from sample_backend.seed import SchoolSize, seed_if_empty

        try:
            database = Database(database_url)
            app = create_app(database, rules, options.leak_mb_per_minute)
            seed_if_empty(database, SchoolSize(students=options.students, courses=options.courses), options.seed)
        except DatabaseUnavailable as error:
            return _refuse(str(error), EXIT_FAILED)
        except ValueError as error:
            return _refuse(str(error), EXIT_USAGE)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_level="warning",
                # A load generator keeps its connections open; do not wait for it when stopped.
                timeout_graceful_shutdown=4,
                # Longer than any user thinks: hanging up just when a request is on its way looks like a failure.
                timeout_keep_alive=75,
                # Deeper than a burst of new users, so that nobody's first packet waits for a retransmission.
                backlog=2048,
            )
        )
        host, port = listener.getsockname()[:2]
        print(f"sample backend on http://{host}:{port}", flush=True)
        server.run(sockets=[listener])
        database.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sample_backend", description="A school's records over HTTP.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0: any free port")
    parser.add_argument(
        "--database-url",
        default=os.environ.get("DATABASE_URL") or None,
        help="sqlite:///file or postgresql://...; default: DATABASE_URL, else a temporary file removed at the end. "
        "An empty database is filled; give a password by DATABASE_URL, where the process list does not show it",
    )
    parser.add_argument(
        "--slowdown",
        default=os.environ.get("SAMPLE_BACKEND_SLOWDOWN", ""),
        help="slow some endpoints, such as 'GET /api/v1/courses=+400ms; PUT /api/v1/students/{id}=x1.5@5%%'; "
        "default: SAMPLE_BACKEND_SLOWDOWN",
    )
    parser.add_argument(
        "--leak-mb-per-minute",
        type=float,
        default=float(os.environ.get("SAMPLE_BACKEND_LEAK_MB_PER_MINUTE") or 0),
        help="hold so much more memory each minute, to watch a leak being found; default: SAMPLE_BACKEND_LEAK_MB_PER_MINUTE",
    )
    parser.add_argument("--students", type=int, default=1_000)
    parser.add_argument("--courses", type=int, default=50)
    parser.add_argument("--seed", type=int, default=2026, help="the same seed gives the same data")
    return parser.parse_args()


def _bind(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65_535:
        raise ValueError(f"--port must be between 0 and 65535, not {port}.")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


@contextlib.contextmanager
def _database_url(given: str | None) -> Iterator[str]:
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="sample_backend_") as folder:
        yield f"sqlite:///{Path(folder) / 'school.db'}"


def _refuse(sentence: str, code: int) -> int:
    print(f"sample_backend: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
