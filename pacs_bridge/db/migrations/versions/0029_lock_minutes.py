"""Let a site say after how long the pages of its people lock"""

import sqlalchemy as sa
from alembic import op


revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pb_site", sa.Column("lock_minutes", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("pb_site", "lock_minutes")
