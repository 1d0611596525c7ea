"""The history of the verifier's tables. Alembic runs these files, and `Database.open` runs Alembic."""
