"""One backend on SQLite and one on a real PostgreSQL for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.sample_backend.running import PASSWORD, running
from tests.support.postgres import postgres_server  # noqa: F401 (a fixture)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def base_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('school') / 'school.db'}"
    else:
        url = request.getfixturevalue("postgres_server").create_database()
    with running(DATABASE_URL=url) as address:
        yield address


@pytest.fixture
def http(base_url: str) -> Iterator[httpx.Client]:
    """A client that is signed in."""
    with httpx.Client(base_url=base_url, trust_env=False, timeout=20) as client:
        answer = client.post("/api/v1/auth/login", json={"email": "teacher1@school.example", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client
