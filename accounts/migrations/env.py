"""What Alembic runs: every change inside the one transaction that `Database.migrate` opened."""

from alembic import context

from accounts.database import VERSION_TABLE
from accounts.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
