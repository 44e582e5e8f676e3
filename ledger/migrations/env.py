"""Alembic's entry: runs the migrations on the connection that `ledger.migrations.upgrade` opened."""

from alembic import context

from ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    user_module_prefix="base.",
)
context.run_migrations()
