"""What is kept about a backend that a run started: `backend.json`. Holds no secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import model_validator

from loadtest.files import FileModel, Record
from loadtest.processes import Machine, ProcessIdentity


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
    machine: Machine
    identity: ProcessIdentity | None = None
    base_url: str
    database: DatabaseRef | None = None
    log_path: str
    started_at: datetime
    stopping_at: datetime | None = None
    stopped_at: datetime | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_version(cls, data: Any) -> Any:
        """It knew a machine by its host's name and boot id."""
        if not isinstance(data, dict) or "host" not in data:
            return data
        machine = {"host": data["host"], "boot_id": (data.get("identity") or {}).get("boot_id", "")}
        return {key: value for key, value in data.items() if key != "host"} | {"machine": machine}


class ServiceDown(FileModel):
    """`service_down.json`: why the service did not come up, so that no load went out."""

    sentence: str


class HealthReport(Record):
    """How a backend became healthy."""

    attempts: int
    waited_s: float
    status: int
