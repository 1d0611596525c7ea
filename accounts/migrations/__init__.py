"""How the tables of the accounts store came to be; Alembic runs these, `Database.migrate` runs Alembic."""
