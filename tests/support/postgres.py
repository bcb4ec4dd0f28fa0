"""A real PostgreSQL server for tests: temporary, on a free port of 127.0.0.1, gone at the end.

from tests.support.postgres import postgres_server  # a session fixture

def test_x(postgres_server): url = postgres_server.url  # of its maintenance database
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from loadtest.processes import free_port

# Durability off: this server's data is worth nothing.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=100")


@dataclass(frozen=True)
class PostgresServer:
    """A running server, reached over TCP with a password."""

    port: int
    password: str
    user: str = "tester"

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """URL of a new, empty database."""
        import psycopg

        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url_of(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's server. Skips where PostgreSQL is not installed, but fails on CI, where it must be."""
    binaries = _binaries()
    if binaries is None:
        reason = "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with run_postgres(binaries) as server:
        yield server


@contextlib.contextmanager
def run_postgres(binaries: Path) -> Iterator[PostgresServer]:
    """Start a server with the programs in `binaries` and stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pg_", dir="/tmp"))  # short: socket paths may have 107 characters
    as_user = _unprivileged(folder)
    server = PostgresServer(port=free_port(), password=secrets.token_urlsafe(16))
    password_file = folder / "password"
    password_file.write_text(server.password)
    data = folder / "data"
    if as_user:
        shutil.chown(password_file, "postgres")
    try:
        _run(
            [
                *as_user, str(binaries / "initdb"), "-D", str(data), "-U", server.user, "--pwfile", str(password_file),
                "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync",
            ]
        )  # fmt: skip
        options = " ".join(f"-c {option}" for option in _FAST)
        options += f" -c listen_addresses=127.0.0.1 -c port={server.port} -c unix_socket_directories={folder}"
        control = [*as_user, str(binaries / "pg_ctl"), "-D", str(data), "-w"]
        _run([*control, "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield server
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _unprivileged(folder: Path) -> list[str]:
    """The server refuses to run as root: then it runs as the user `postgres`, who gets the folder."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.fail("tests that run as root need a user named postgres to run the server as")
    shutil.chown(folder, "postgres", "postgres")
    return ["runuser", "-u", "postgres", "--"]


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command, cwd="/tmp", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
