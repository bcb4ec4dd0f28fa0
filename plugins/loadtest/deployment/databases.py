"""Roles and databases of an installation, on the PostgreSQL server that POSTGRES_ADMIN_URL names with its superuser.

`python -m loadtest.deployment.databases`: the history gets a database and a role of its own, so that what runs load tests holds
no password of Airflow's metadata. Running it again changes nothing but the password.
"""

from __future__ import annotations

import os
import sys

import psycopg
from psycopg import sql

NAME = "loadtest"


def prepare(admin_url: str, password: str) -> None:
    """Make the role and the database `loadtest`, or bring those of an earlier version into this state."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        role = sql.Identifier(NAME)
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(password)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(role))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(role, role))
        for (database,) in connection.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall():
            connection.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    with psycopg.connect(admin_url, dbname=NAME, autocommit=True) as connection:
        # Earlier versions made the history's tables as the superuser.
        connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(role))
        for (table,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            connection.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(table), role))


def main() -> int:
    try:
        prepare(os.environ["POSTGRES_ADMIN_URL"], os.environ["LOADTEST_DATABASE_PASSWORD"])
    except KeyError as error:
        print(f"The variable {error.args[0]} is not set; it stands in .env, which make compose-init writes.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
