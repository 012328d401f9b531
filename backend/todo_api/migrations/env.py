"""Alembic's environment: it runs on the connection from todo_api.db.migrate."""

from alembic import context

from todo_api.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
