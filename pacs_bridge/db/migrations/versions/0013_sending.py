"""Say how a PACS is sent to, and in what form and with what doubt each image went"""

import sqlalchemy as sa
from alembic import op


revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pb_pacs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sending", sa.JSON(), nullable=True))
    with op.batch_alter_table("pb_load_instance", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sent_as", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("in_doubt", sa.Boolean(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("pb_load_instance", schema=None) as batch_op:
        batch_op.drop_column("in_doubt")
        batch_op.drop_column("sent_as")
    with op.batch_alter_table("pb_pacs", schema=None) as batch_op:
        batch_op.drop_column("sending")
