"""Roles may be limited. The booking office becomes a department's desk, and a role without rights is removed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PEOPLE = sa.table("people", sa.column("id", sa.String), sa.column("roles", sa.JSON))
_NEW = {"booking-office": "desk", "operator-admin": None}


def upgrade() -> None:
    """Rename the roles of people. Nobody gets a new right."""
    connection = op.get_bind()
    for row in connection.execute(sa.select(_PEOPLE)).all():
        kept = sorted({name for role in row.roles if (name := _NEW.get(role, role)) is not None})
        connection.execute(_PEOPLE.update().where(_PEOPLE.c.id == row.id).values(roles=kept))
