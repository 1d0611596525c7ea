"""The binding of an index to its card, and a card id drawn in advance for every index of the pool.

The first publication computes the bindings of existing cards: only the issuer's secret opens tokens.
"""

import sqlalchemy as sa
from alembic import op

from edge.ids import new_id

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_T = sa.table("status_indexes", sa.column("list"), sa.column("index"), sa.column("state"), sa.column("card_id"))


def upgrade() -> None:
    """Add the column, and draw an id for every index that waits for a card."""
    op.add_column("status_indexes", sa.Column("binding", sa.LargeBinary))
    connection = op.get_bind()
    waiting = sa.select(_T.c.list, _T.c.index).where(_T.c.state.in_(["pooled", "ready"]), _T.c.card_id.is_(None))
    for row in connection.execute(waiting).all():
        this = _T.update().where(_T.c.list == row[0], _T.c.index == row[1])
        connection.execute(this.values(card_id=new_id()))


def downgrade() -> None:
    """Remove both."""
    op.execute(_T.update().where(_T.c.state.in_(["pooled", "ready"])).values(card_id=None))
    op.drop_column("status_indexes", "binding")
