-- The users and databases of compose.yaml, made once by the image of PostgreSQL as it starts on an empty folder.
-- Who takes over a verifier finds here no name and no right of the office: the two users share nothing.
\set ON_ERROR_STOP on
\getenv issuer ISSUER_DATABASE_PASSWORD
\getenv verifier VERIFIER_DATABASE_PASSWORD
CREATE USER issuer PASSWORD :'issuer';
CREATE USER verifier PASSWORD :'verifier';
CREATE DATABASE register OWNER issuer;
CREATE DATABASE office OWNER issuer;
CREATE DATABASE accounts OWNER verifier;
CREATE DATABASE details OWNER verifier;
REVOKE CONNECT ON DATABASE register, office, accounts, details FROM PUBLIC;
