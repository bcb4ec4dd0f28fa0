"""Starting and stopping it, and what is refused."""

from __future__ import annotations

import os
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.sample_backend.running import PASSWORD, refused, running

SMALL = ("--students", "20", "--courses", "5")


def test_without_a_database_it_uses_a_temporary_one_and_removes_it(tmp_path: Path) -> None:
    with running(*SMALL, TMPDIR=str(tmp_path)) as base_url:
        assert httpx.get(f"{base_url}/health", trust_env=False).json() == {"status": "ok"}
        assert list(tmp_path.glob("sample_backend_*/school.db"))
    assert not list(tmp_path.iterdir())


def test_the_same_seed_gives_the_same_school(tmp_path: Path) -> None:
    def dump(name: str, *arguments: str) -> list[str]:
        with running(*SMALL, *arguments, DATABASE_URL=f"sqlite:///{tmp_path / name}"):
            pass
        with sqlite3.connect(tmp_path / name) as connection:
            return sorted(connection.iterdump())  # indexes come in any order

    assert dump("a.db") == dump("b.db") != dump("c.db", "--seed", "7")


def test_a_filled_database_is_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'school.db'}"
    for _ in range(2):
        with running(*SMALL, "--database-url", url):
            pass
    with sqlite3.connect(tmp_path / "school.db") as connection:
        assert connection.execute("SELECT count(*) FROM students").fetchone() == (20,)


def test_readers_and_writers_at_once_are_all_served() -> None:
    with running(*SMALL) as base_url, httpx.Client(base_url=base_url, trust_env=False, timeout=30) as client:
        tokens = client.post("/api/v1/auth/login", json={"email": "teacher1@school.example", "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"

        def ask(number: int) -> int:
            if number % 2:
                return client.put(f"/api/v1/grades/{1 + number % 9}", json={"score": number % 100}).status_code
            return client.get("/api/v1/grades").status_code

        with ThreadPoolExecutor(30) as pool:
            assert set(pool.map(ask, range(300))) == {200}


def test_health_is_503_when_the_database_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "school.db"
    with running(*SMALL, DATABASE_URL=f"sqlite:///{file}") as base_url:
        with sqlite3.connect(file) as connection:
            connection.executescript("PRAGMA foreign_keys=OFF; DROP TABLE users;")
        answer = httpx.get(f"{base_url}/health", trust_env=False)
        assert answer.status_code == 503 and answer.json() == {"detail": "the database did not answer"}


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = refused("--port", str(port))
    assert done.returncode == 1
    assert done.stderr == f"sample_backend: cannot listen on 127.0.0.1:{port}: Address already in use.\n"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
        ("postgresql://me:hunter2@127.0.0.1:1/x", "cannot be used"),
        ("mysql://localhost/x", "not supported"),
        ("rubbish", "cannot be read"),
    ],
)
def test_an_unusable_database_is_one_sentence_without_the_password(url: str, words: str) -> None:
    done = refused("--port", "0", DATABASE_URL=url)
    assert done.returncode == 1 and words in done.stderr and done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("slowdown", ["GET /api/v1/courses", "GET /api/v1/coursse=+1ms", "GET /api/v1/courses=+99s", "=", "x"])
def test_a_malformed_slowdown_is_one_sentence(slowdown: str) -> None:
    done = refused("--port", "0", *SMALL, "--slowdown", slowdown)
    assert done.returncode == 2 and done.stderr.startswith("sample_backend: the slowdown")
    assert done.stderr.count("\n") == 1
    if "coursse" in slowdown:
        assert "GET /api/v1/courses" in done.stderr


def test_a_bad_size_or_port_is_refused() -> None:
    assert "at least 1 student" in refused("--port", "0", "--students", "0").stderr
    assert "--port" in refused("--port", "70000").stderr


def test_the_secret_can_be_given_so_that_tokens_survive_a_restart(tmp_path: Path) -> None:
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path / 'school.db'}", "SAMPLE_BACKEND_SECRET": os.urandom(32).hex()}
    credentials = {"email": "teacher1@school.example", "password": PASSWORD}
    with running(*SMALL, **variables) as base_url:
        tokens = httpx.post(f"{base_url}/api/v1/auth/login", json=credentials, trust_env=False).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    with running(*SMALL, **variables) as base_url:
        assert httpx.get(f"{base_url}/api/v1/students", headers=headers, trust_env=False).status_code == 200
    with running(*SMALL, **variables | {"SAMPLE_BACKEND_SECRET": os.urandom(32).hex()}) as base_url:
        assert httpx.get(f"{base_url}/api/v1/students", headers=headers, trust_env=False).status_code == 401
