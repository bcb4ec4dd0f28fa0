"""Opening the history database: SQLite by default, PostgreSQL by URL; migrated at first use, one process at a time.

Connections are opened per use (a Locust or Airflow task may fork at any time, and a history write is rare), writes take
the write lock at their start, and whatever goes wrong is one sentence that never holds the password.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.settings import settings

HEAD = "0001"  # the newest revision in migrations/versions
VERSION_TABLE = "loadtest_version"  # not Alembic's default name: the database may be shared with Airflow's own
MIGRATION_LOCK = 7_203_114_958  # any constant: the key of PostgreSQL's advisory lock
LOCK_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5
ALLOWED = "sqlite:////absolute/path/history.db or postgresql://user:password@host:5432/name"

_migrated: set[tuple[str, int]] = set()  # database and, for SQLite, the inode: a deleted file is made anew


@contextlib.contextmanager
def reading(database_url: str | None = None) -> Iterator[Session]:
    """A session that sees one consistent state and changes nothing. Errors: InfrastructureError, ConfigurationError."""
    url = resolve(database_url)
    with _translated(url):
        engine = _ready(url)
        with engine.connect() as connection, Session(connection) as session:
            yield session


@contextlib.contextmanager
def writing(database_url: str | None = None) -> Iterator[Session]:
    """A session whose changes are all kept when the block ends well, and none otherwise."""
    url = resolve(database_url)
    with _translated(url):
        engine = _ready(url)
        with _write_transaction(engine) as connection, Session(connection) as session:
            yield session
            session.flush()


def resolve(database_url: str | None = None) -> URL:
    """The URL to use, validated: the given one or that of the settings; a relative SQLite path is below the project."""
    try:
        url = make_url(database_url or settings().database_url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(f"LOADTEST_DATABASE_URL is not a database URL; use {ALLOWED}.") from None
    backend = url.drivername.split("+")[0]
    if backend in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ConfigurationError(f"LOADTEST_DATABASE_URL names a database of kind {backend!r}; use {ALLOWED}.")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ConfigurationError(f"LOADTEST_DATABASE_URL names no file, and a history must last; use {ALLOWED}.")
    # A relative path would mean another file for each task's working directory.
    return url.set(drivername="sqlite", database=str(settings().home / url.database))


def place(url: URL) -> str:
    """Where the database is, in words without user or password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"{url.database or url.username or 'postgres'} on {url.host or 'the local socket'}{port}"


def current_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 (names of our own tables, no input)


def _ready(url: URL) -> Engine:
    """An engine on a database whose tables are those of this version."""
    engine = _engine(url.render_as_string(hide_password=False), LOCK_TIMEOUT_S)
    is_file = url.get_backend_name() == "sqlite"
    if is_file:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    if (str(engine.url), _inode(url)) in _migrated:
        return engine
    with engine.connect() as connection:
        found = current_revision(connection)
    if found != HEAD:
        with _write_transaction(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            # Another process may have migrated while this one waited for the lock.
            if (found := current_revision(connection)) != HEAD:
                _migrate(connection, found, url)
    _migrated.add((str(engine.url), _inode(url)))
    return engine


def _migrate(connection: Connection, found: str | None, url: URL) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise ConfigurationError(
            f"The history database {place(url)} was written by a later version of loadtest (revision {found}, this one "
            f"knows up to {HEAD}); upgrade loadtest."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@lru_cache(maxsize=8)
def _engine(url_with_password: str, lock_timeout_s: float) -> Engine:
    url = make_url(url_with_password)
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": lock_timeout_s, "isolation_level": None}
        )
        event.listen(engine, "connect", lambda dbapi, _record: dbapi.execute("PRAGMA foreign_keys = ON"))
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    arguments = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT_S}
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)


def _begin_sqlite(connection: Connection) -> None:
    # The driver's own BEGIN comes too late for consistent reads, and a write lock taken half-way can deadlock.
    writes = connection.get_execution_options().get("loadtest_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextlib.contextmanager
def _write_transaction(engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(loadtest_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = '{int(LOCK_TIMEOUT_S * 1000)}ms'"))
        yield connection


def _inode(url: URL) -> int:
    if url.get_backend_name() != "sqlite":
        return 0
    try:
        return Path(str(url.database)).stat().st_ino
    except OSError:
        return -1


@contextlib.contextmanager
def _translated(url: URL) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        _migrated.clear()  # whatever happened, look again before trusting the tables
        raise InfrastructureError(f"The history database {place(url)} {_explain(url, str(error.orig))}") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InfrastructureError(
            f"The history database {place(url)} cannot be used: {reason}; check its folder and the disk."
        ) from None


_EXPLANATIONS = (
    ("database is locked", "is locked by another process and was not changed; try again when that one is done."),
    ("lock timeout", "is locked by another process and was not changed; try again when that one is done."),
    ("readonly database", "is read-only for this user; make the file and its folder writable."),
    ("unable to open database file", "cannot be opened; check that its folder exists and may be written."),
    ("disk is full", "cannot grow because the disk is full; free some space and try again."),
    ("disk i/o error", "cannot be read or written (disk I/O error); check the disk and free some space."),
    ("not a database", "is no database file; move it away and run `loadtest history rebuild`."),
    ("malformed", "is damaged; move it away and run `loadtest history rebuild`."),
    ("password authentication failed", "refuses the login; check user and password in LOADTEST_DATABASE_URL."),
    ("no password supplied", "wants a password; put it into LOADTEST_DATABASE_URL."),
)


def _explain(url: URL, message: str) -> str:
    lowered = message.lower()
    for sign, sentence in _EXPLANATIONS:
        if sign in lowered:
            return sentence
    shown = " ".join(message.split())[:200].rstrip(".")
    for secret in (url.password, url.query.get("password")):
        if secret:
            shown = shown.replace(str(secret), "***")
    if any(sign in lowered for sign in ("connection", "connect", "host", "timeout", "does not exist")):
        return f"cannot be reached or used: {shown}; check that it runs and what LOADTEST_DATABASE_URL says."
    return f"failed: {shown}."
