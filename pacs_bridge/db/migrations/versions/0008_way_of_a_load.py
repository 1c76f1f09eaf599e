"""Say how a load's images reach the PACS"""

import sqlalchemy as sa
from alembic import op


revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pb_load", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("way", sa.String(length=8), nullable=False, server_default="network")
        )


def downgrade() -> None:
    with op.batch_alter_table("pb_load", schema=None) as batch_op:
        batch_op.drop_column("way")
