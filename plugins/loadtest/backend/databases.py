"""A fresh database for each run, dropped at its end: a SQLite file, or a database on the PostgreSQL server that
LOADTEST_SAMPLE_DATABASE_URL names. Their names carry the time they were made, so that forgotten ones can be told."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from loadtest.backend.models import DatabaseRef
from loadtest.errors import ConfigurationError, InfrastructureError
from loadtest.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

SERVER_VARIABLE = "LOADTEST_SAMPLE_DATABASE_URL"
# Set for each backend, so that a process tells which database it uses.
DATABASE_MARK = "LOADTEST_BACKEND_DATABASE"

_NAME = re.compile(r"loadtest_(?P<run>[a-z0-9_]{1,30})_(?P<made_at>[0-9a-f]{8})_[0-9a-f]{8}")
_CONNECT_TIMEOUT_S = 5


def create_database(run_id: str) -> DatabaseRef:
    """A new, empty database of a name that no other run uses. Raises InfrastructureError when the server refuses."""
    run = re.sub(r"[^a-z0-9]+", "_", run_id.lower()).strip("_")[:30].strip("_") or "run"
    name = f"loadtest_{run}_{int(time.time()):08x}_{secrets.token_hex(4)}"
    url = _server_url()
    if url is None:
        folder = _sqlite_folder()
        folder.mkdir(parents=True, exist_ok=True)
        return DatabaseRef(kind="sqlite", name=name, path=str(folder / f"{name}.db"))
    with _administration(url) as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE template0')
    return DatabaseRef(kind="postgresql", name=name, server=_server_name(url))


def database_url(ref: DatabaseRef) -> str:
    """The URL to hand to the backend, password included: never log or keep it."""
    if ref.kind == "sqlite":
        return f"sqlite:///{ref.path}"
    return _url_of_server(ref).set(database=ref.name).render_as_string(hide_password=False)


def drop_database(ref: DatabaseRef) -> None:
    """Remove the database, whatever still uses it; nothing happens when it is already gone.

    Raises InfrastructureError when the server cannot be reached, ConfigurationError for a reference that is not one of ours.
    """
    if not _NAME.fullmatch(ref.name):
        raise ConfigurationError(f"{ref.name!r} is not the name of a database that a run made; nothing was dropped.")
    if ref.kind == "sqlite":
        file = _sqlite_folder() / f"{ref.name}.db"
        for suffix in ("", "-wal", "-shm", "-journal"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
        return
    with _administration(_url_of_server(ref)) as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{ref.name}" WITH (FORCE)')


def list_orphaned_databases(*, older_than_s: float = 24 * 3600) -> list[DatabaseRef]:
    """Databases of runs that were made more than `older_than_s` ago and that no process uses, by name.

    Looks at this host's files and, where LOADTEST_SAMPLE_DATABASE_URL is set, at the server. Raises InfrastructureError when
    the server cannot be reached.
    """
    files = _sqlite_folder().glob("loadtest_*.db")
    found = [DatabaseRef(kind="sqlite", name=file.stem, path=str(file)) for file in files if not file.is_symlink()]
    in_use = _databases_of_live_backends()
    url = _server_url()
    if url is not None:
        with _administration(url) as connection:
            names = connection.exec_driver_sql(
                "SELECT datname FROM pg_database d WHERE datname LIKE 'loadtest\\_%%' "
                "AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datname = d.datname)"
            ).scalars()
            found += [DatabaseRef(kind="postgresql", name=name, server=_server_name(url)) for name in names]
    newest = time.time() - older_than_s
    orphans = [ref for ref in found if ref.name not in in_use and (_made_at(ref.name) or newest + 1) <= newest]
    return sorted(orphans, key=lambda ref: ref.name)


def _made_at(name: str) -> float | None:
    match = _NAME.fullmatch(name)
    return int(match["made_at"], 16) if match else None


def _databases_of_live_backends() -> set[str]:
    names = set()
    for process in psutil.process_iter():
        try:
            names.add(process.environ().get(DATABASE_MARK, ""))
        except (psutil.Error, OSError):
            continue  # gone, or somebody else's: then it is not a backend of ours
    return names


def _sqlite_folder() -> Path:
    return settings().scratch.resolve() / "databases"


def _server_url() -> URL | None:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    text = os.environ.get(SERVER_VARIABLE)
    if not text:
        return None
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigurationError(f"{SERVER_VARIABLE} is no database URL; write postgresql://user:password@host/name.") from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigurationError(
            f"{SERVER_VARIABLE} names a {url.get_backend_name()} database; only postgresql://... is supported, "
            "without the variable each run uses a SQLite file."
        )
    return url.set(drivername="postgresql")


def _url_of_server(ref: DatabaseRef) -> URL:
    url = _server_url()
    if url is None or _server_name(url) != ref.server:
        raise InfrastructureError(
            f"The database {ref.name} is on {ref.server}, which {SERVER_VARIABLE} does not name here; set it to that server."
        )
    return url


def _server_name(url: URL) -> str:
    return f"{url.host or url.query.get('host') or 'local socket'}:{url.port or 5432}"


@contextmanager
def _administration(url: URL) -> Iterator[Connection]:
    """A connection outside any transaction, as CREATE and DROP DATABASE need it."""
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import SQLAlchemyError

    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        connect_args={"connect_timeout": _CONNECT_TIMEOUT_S},
    )
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
        raise InfrastructureError(f"The PostgreSQL server {_server_name(url)} did not do as asked: {cause}.") from None
