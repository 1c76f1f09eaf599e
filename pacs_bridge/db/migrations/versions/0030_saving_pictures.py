"""Keep a picture of how one saves in the viewer of a PACS"""

import sqlalchemy as sa
from alembic import op


revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_saving_picture",
        sa.Column("pacs", sa.String(length=32), sa.ForeignKey("pb_pacs.name"), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pacs"),
    )


def downgrade() -> None:
    op.drop_table("pb_saving_picture")
