"""One engine for SQLite or PostgreSQL, whose time is counted for the Server-Timing header."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from sample_backend.models import Base, User
from sample_backend.server_timing import add_database_time, database_time

# How many handlers run at a time, each with one connection, so that nobody waits for one. More threads would only wait for
# each other: Python runs one at a time.
WORKER_THREADS = 10


class DatabaseUnavailable(Exception):
    """The database cannot be used; the message is one sentence without the password."""


class Database:
    """Opens sessions; one per unit of work, used inside one thread."""

    def __init__(self, url: str) -> None:
        """`url` as in SQLAlchemy; `postgres://` and `postgresql://` mean psycopg. Raises DatabaseUnavailable."""
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise DatabaseUnavailable(
                "the database URL cannot be read; write sqlite:///file or postgresql://host/name."
            ) from None
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise DatabaseUnavailable(f"the database {parsed.get_backend_name()!r} is not supported; use sqlite or postgresql.")
        self.engine = create_engine(parsed, pool_size=WORKER_THREADS)
        if parsed.get_backend_name() == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
        _count_statements(self.engine)
        try:
            Base.metadata.create_all(self.engine)
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", error)).strip().splitlines()[0]
            shown = parsed.render_as_string(hide_password=True)
            raise DatabaseUnavailable(f"the database {shown} cannot be used: {cause}.") from None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that is committed at the end and rolled back on an exception."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session
            with database_time():
                session.commit()

    def check(self) -> None:
        """Raises when the database does not answer or has no tables."""
        with self.engine.connect() as connection:
            connection.execute(select(User.id).limit(1))

    def close(self) -> None:
        self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Write-ahead log: readers and the one writer do not block each other. NORMAL loses at most the last
    # transactions in a power cut and never corrupts. Writers queue for up to ten seconds.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}")


def _count_statements(engine: Engine) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def start(_connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        context.started = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def end(_connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        add_database_time(time.perf_counter() - context.started)
