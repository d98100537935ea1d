"""Alembic's entry: runs on the connection that the store hands over, inside of its transaction."""

from alembic import context

from tajo_pipelines.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's DDL is transactional once the driver doesn't commit on its own, which the store's engine sees to.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
