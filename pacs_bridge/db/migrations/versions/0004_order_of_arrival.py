"""Find the last arrival without reading every object"""

from alembic import op


revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pb_object", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pb_object_arrival"), ["arrival"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("pb_object", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pb_object_arrival"))
