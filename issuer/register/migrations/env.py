"""What Alembic runs: every change inside the one transaction that the register's database opened."""

from alembic import context

from issuer.register.application_tables import APPLICATIONS

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=APPLICATIONS.metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
