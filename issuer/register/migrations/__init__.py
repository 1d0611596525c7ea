"""The history of the register's tables. Alembic runs these files, and `Database.open` runs Alembic."""
