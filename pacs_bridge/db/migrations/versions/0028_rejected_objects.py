"""Keep which objects their PACS took out of use"""

import sqlalchemy as sa
from alembic import op


revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pb_object", sa.Column("rejected_by", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("pb_object", "rejected_by")
