"""How the register's tables came to be; Alembic runs these, `Database.open` runs Alembic."""
