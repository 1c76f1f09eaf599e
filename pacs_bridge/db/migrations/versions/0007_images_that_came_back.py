"""Which image of ours an object is that a PACS sent back"""

from alembic import op
import sqlalchemy as sa


revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pb_object", schema=None) as batch_op:
        batch_op.add_column(sa.Column("image", sa.String(length=64), nullable=True))
        batch_op.create_index(batch_op.f("ix_pb_object_image"), ["image"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("pb_object", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pb_object_image"))
        batch_op.drop_column("image")
