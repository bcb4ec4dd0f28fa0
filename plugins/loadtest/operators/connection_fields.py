"""Airflow's connections, as far as environments name them: a base URL, a login, a password, a key of the extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.errors import ConfigurationError
from loadtest.planning.models import Plan
from loadtest.planning.references import provide
from loadtest.run_folder import RunFolder

if TYPE_CHECKING:
    from airflow.sdk import Connection


def field_of_connection(connection_id: str, field: str) -> str | None:
    """A `loadtest.planning.references.ConnectionLookup`; None where there is no such connection, or nothing in that field."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = Connection.get(connection_id)
    except AirflowNotFoundException:
        return None
    if field == "url":
        return _url(connection)
    if field in ("login", "password"):
        return getattr(connection, field)
    value = connection.extra_dejson.get(field)
    return value if isinstance(value, str) else None


def provide_connections(folder: RunFolder) -> None:
    """For a task of its own process: what the plan of this run refers to."""
    try:
        plan = Plan.read(folder.plan)
    except ConfigurationError:  # there is none of a request that was refused
        return
    provide(plan.environment.texts_with_references, field_of_connection)


def _url(connection: Connection) -> str | None:
    """Scheme, host, port and path; login and password stay behind."""
    host = connection.host or ""
    if "://" in host:
        return host
    scheme = connection.schema if connection.schema in ("http", "https") else connection.conn_type
    port = f":{connection.port}" if connection.port else ""
    return f"{scheme if scheme in ('http', 'https') else 'https'}://{host}{port}" if host else None
