"""Enter an arriving object in no index that it has nothing for"""

import sqlalchemy as sa
from alembic import op


revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_LATER = ("reader", "image", "reading_uid")


def upgrade() -> None:
    op.drop_index("ix_pb_object_received_at", "pb_object")
    for name in _LATER:
        has_it = sa.text(f"{name} IS NOT NULL")
        op.drop_index(f"ix_pb_object_{name}", "pb_object")
        op.create_index(
            f"ix_pb_object_{name}",
            "pb_object",
            [name],
            sqlite_where=has_it,
            postgresql_where=has_it,
        )


def downgrade() -> None:
    for name in _LATER:
        op.drop_index(f"ix_pb_object_{name}", "pb_object")
        op.create_index(f"ix_pb_object_{name}", "pb_object", [name])
    op.create_index("ix_pb_object_received_at", "pb_object", ["received_at"])
