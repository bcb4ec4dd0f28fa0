"""What is kept about a backend that a run started: `backend.json`. Holds no secret."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from loadtest.files import FileModel, Record
from loadtest.processes import ProcessIdentity


class DatabaseRef(Record):
    """A database made for one run. `server` is `host:port` of a PostgreSQL server; `path` the file of SQLite."""

    kind: Literal["sqlite", "postgresql"]
    name: str
    path: str | None = None
    server: str | None = None


class BackendState(FileModel):
    """`backend.json`. Written before the process starts, so that whatever comes of it can be cleaned up: `identity` is None
    until it runs, `stopping_at` is set before we stop it, `stopped_at` when that is done and its database dropped."""

    run_id: str
    host: str
    identity: ProcessIdentity | None = None
    base_url: str
    database: DatabaseRef | None = None
    log_path: str
    started_at: datetime
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None


class ServiceDown(FileModel):
    """`service_down.json`: why the service did not come up, so that no load went out."""

    sentence: str


class HealthReport(Record):
    """How a backend became healthy."""

    attempts: int
    waited_s: float
    status: int
