"""What Alembic runs: every change inside the one transaction that `Database.open` holds."""

from alembic import context

from issuer.database import VERSION_TABLE
from issuer.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
