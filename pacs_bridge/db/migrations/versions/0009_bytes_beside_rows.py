"""Keep the bytes of small objects beside their rows until they lie in the archive"""

import sqlalchemy as sa
from alembic import op


revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_arrival",
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_pb_arrival")),
    )


def downgrade() -> None:
    op.drop_table("pb_arrival")
