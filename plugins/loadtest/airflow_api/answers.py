"""What Airflow's REST API answers, as records, and how its answers are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from loadtest.errors import ConfigurationError, InfrastructureError

FINISHED = frozenset({"success", "failed"})


class AirflowUnavailableError(InfrastructureError):
    """Airflow did not answer, or answered 429 or 5xx, to the last of several tries."""


@dataclass(frozen=True)
class DagRun:
    """One DAG run as Airflow reports it. `existing`: it was there before we asked for it (HTTP 409)."""

    dag_id: str
    run_id: str
    state: str
    conf: dict[str, Any]
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    note: str = ""
    existing: bool = False

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    @classmethod
    def of(cls, data: dict[str, Any], *, existing: bool = False) -> DagRun:
        return cls(
            dag_id=data["dag_id"],
            run_id=data["dag_run_id"],
            state=data["state"],
            conf=data.get("conf") or {},
            queued_at=moment(data.get("queued_at")),
            started_at=moment(data.get("start_date")),
            ended_at=moment(data.get("end_date")),
            note=data.get("note") or "",
            existing=existing,
        )


@dataclass(frozen=True)
class TaskInstance:
    """One task of a DAG run. `state` is None before the scheduler has looked at it."""

    task_id: str
    state: str | None
    try_number: int
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @classmethod
    def of(cls, data: dict[str, Any]) -> TaskInstance:
        return cls(
            task_id=data["task_id"],
            state=data.get("state"),
            try_number=data.get("try_number") or 0,
            started_at=moment(data.get("start_date")),
            ended_at=moment(data.get("end_date")),
        )


def parse_url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"{url!r} is not the address of an Airflow; give one such as https://airflow.example.org.")
    return parsed


def path_part(name: str) -> str:
    return quote(name, safe="")


def moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def json_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise AirflowUnavailableError(
            f"{response.request.url.path} did not answer with JSON; is {response.request.url.host} really an Airflow?"
        ) from None


def detail_of(response: httpx.Response) -> str:
    """Airflow's own explanation of a refusal, in one line of at most 500 characters."""
    try:
        detail = response.json().get("detail")
    except (ValueError, AttributeError):
        detail = response.text
    if isinstance(detail, list):  # FastAPI's validation errors
        detail = "; ".join(f"{'.'.join(str(part) for part in item.get('loc', ()))}: {item.get('msg')}" for item in detail)
    if isinstance(detail, dict):
        detail = detail.get("reason") or detail.get("message") or str(detail)
    # a refused param is followed by the whole JSON schema, which helps nobody
    sentence = " ".join(str(detail or "no explanation").split()).split(" Failed validating ")[0]
    return sentence[:500].rstrip(".")
