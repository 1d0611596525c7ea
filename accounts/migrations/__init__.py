"""The history of the tables of the accounts store. Alembic runs these files, and `Database.migrate` runs Alembic."""
