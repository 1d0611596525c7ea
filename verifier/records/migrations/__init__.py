"""How the tables of the verifier's store came to be; Alembic runs these, `Database.open` runs Alembic."""
