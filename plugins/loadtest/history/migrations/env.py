"""Alembic's entry point: runs inside the connection and transaction that `history.database` opened and locked."""

from alembic import context

from loadtest.history.database import VERSION_TABLE
from loadtest.history.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
