"""Keep what each person says in an object by itself, and what version read an object"""

import sqlalchemy as sa
from alembic import op


revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pb_object", sa.Column("part_of", sa.String(length=64), nullable=True))
    op.add_column(
        "pb_object", sa.Column("read_by", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    has_it = sa.text("part_of IS NOT NULL")
    op.create_index(
        "ix_pb_object_part_of",
        "pb_object",
        ["part_of"],
        sqlite_where=has_it,
        postgresql_where=has_it,
    )


def downgrade() -> None:
    op.drop_index("ix_pb_object_part_of", "pb_object")
    op.drop_column("pb_object", "read_by")
    op.drop_column("pb_object", "part_of")
