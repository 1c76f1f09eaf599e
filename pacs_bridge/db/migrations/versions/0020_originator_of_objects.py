"""Keep who asked a PACS for an object that it stored here"""

import sqlalchemy as sa
from alembic import op


revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pb_object", sa.Column("originator", sa.String(length=16), nullable=True))
    op.add_column("pb_object", sa.Column("originator_message_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("pb_object", "originator_message_id")
    op.drop_column("pb_object", "originator")
