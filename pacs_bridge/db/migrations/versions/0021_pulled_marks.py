"""Keep how often a PACS is asked for marks that it does not push"""

import sqlalchemy as sa
from alembic import op


revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pb_pacs", sa.Column("pull_minutes", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("pb_pacs", "pull_minutes")
