"""Tables of the history database: a row per run, per run x endpoint x metric, per finding, and per acknowledgement.

A change here needs a new file in `migrations/versions/` and the new revision in `database.HEAD`; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Double, ForeignKey, Index, Integer, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from loadtest.history.text import ENDPOINT_LENGTH, NAME_LENGTH


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. SQLite keeps no time zone, so every value is stored in UTC and comes back aware."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The tables of the history; Alembic compares its migrations with them."""


class Run(Base):
    """One run. `summary` is the gate's RunSummary as JSON, from which drift can be recomputed for years."""

    __tablename__ = "loadtest_runs"
    __table_args__ = (
        Index("ix_loadtest_runs_series", "scenario", "environment", "profile", "started_at"),
        Index("ix_loadtest_runs_started_at", "started_at"),
        Index("ix_loadtest_runs_confirms", "confirms"),
    )

    run_id: Mapped[str] = mapped_column(String(NAME_LENGTH), primary_key=True)
    scenario: Mapped[str] = mapped_column(String(NAME_LENGTH))
    environment: Mapped[str] = mapped_column(String(NAME_LENGTH))
    profile: Mapped[str] = mapped_column(String(NAME_LENGTH))
    status: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str | None] = mapped_column(String(20))
    evidence: Mapped[str | None] = mapped_column(String(20))
    sentence: Mapped[str] = mapped_column(Text, default="")
    digest: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    host_class: Mapped[str | None] = mapped_column(Text)
    commit: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    branch: Mapped[str | None] = mapped_column(Text)
    repository: Mapped[str | None] = mapped_column(Text)
    pull_request: Mapped[int | None] = mapped_column(Integer)
    trigger_kind: Mapped[str | None] = mapped_column(String(20))
    trigger_by: Mapped[str | None] = mapped_column(Text)
    slowdown: Mapped[str | None] = mapped_column(Text)
    confirms: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    blocking: Mapped[bool] = mapped_column(Boolean, default=False)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    users: Mapped[int | None] = mapped_column(Integer)
    steady_s: Mapped[float | None] = mapped_column(Double)
    requests: Mapped[int | None] = mapped_column(BigInteger)
    errors: Mapped[int | None] = mapped_column(BigInteger)
    baseline_version: Mapped[int | None] = mapped_column(Integer)
    summary: Mapped[str | None] = mapped_column(Text)
    folder: Mapped[str | None] = mapped_column(Text)
    airflow_url: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(20))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RunMetric(Base):
    """One metric of one endpoint in one run; `variance` is the within-run variance where the metric has one."""

    __tablename__ = "loadtest_run_metrics"
    __table_args__ = (Index("ix_loadtest_run_metrics_series", "endpoint", "metric", "run_id"),)

    run_id: Mapped[str] = mapped_column(ForeignKey("loadtest_runs.run_id", ondelete="CASCADE"), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(ENDPOINT_LENGTH), primary_key=True)
    metric: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[float] = mapped_column(Double)
    n: Mapped[int | None] = mapped_column(BigInteger)
    variance: Mapped[float | None] = mapped_column(Double)


class RunFinding(Base):
    """One finding of one run, in the order of its verdict."""

    __tablename__ = "loadtest_run_findings"
    __table_args__ = (Index("ix_loadtest_run_findings_outcome", "outcome", "criterion"),)

    run_id: Mapped[str] = mapped_column(ForeignKey("loadtest_runs.run_id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    criterion: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(20))
    endpoint: Mapped[str | None] = mapped_column(String(ENDPOINT_LENGTH))
    metric: Mapped[str | None] = mapped_column(String(60))
    observed: Mapped[float | None] = mapped_column(Double)
    reference: Mapped[float | None] = mapped_column(Double)
    effect: Mapped[float | None] = mapped_column(Double)
    interval_low: Mapped[float | None] = mapped_column(Double)
    interval_high: Mapped[float | None] = mapped_column(Double)
    p_adjusted: Mapped[float | None] = mapped_column(Double)
    n: Mapped[int | None] = mapped_column(BigInteger)
    suspect: Mapped[bool] = mapped_column(Boolean, default=False)
    muted: Mapped[bool] = mapped_column(Boolean, default=False)
    mute_reason: Mapped[str] = mapped_column(Text, default="")
    sentence: Mapped[str] = mapped_column(Text)
    evidence: Mapped[str] = mapped_column(Text, default="{}")


class AcknowledgementRow(Base):
    """What a person said about a run or an endpoint: mute, accept or false alarm."""

    __tablename__ = "loadtest_acknowledgements"
    __table_args__ = (
        Index("ix_loadtest_acknowledgements_run", "run_id"),
        Index("ix_loadtest_acknowledgements_kind", "kind", "scenario", "environment"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    scenario: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    environment: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    profile: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    run_id: Mapped[str | None] = mapped_column(String(NAME_LENGTH))
    endpoint: Mapped[str | None] = mapped_column(String(ENDPOINT_LENGTH))
    metric: Mapped[str | None] = mapped_column(String(60))
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    withdrawn_by: Mapped[str | None] = mapped_column(Text)
