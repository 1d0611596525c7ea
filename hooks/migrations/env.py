"""What Alembic runs: every change inside the one transaction that `Database.migrate` opened."""

from alembic import context

from hooks.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
