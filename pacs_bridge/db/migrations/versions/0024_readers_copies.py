"""Keep whose each copy of a set is, and which master image each of its images shows"""

import sqlalchemy as sa
from alembic import op


revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_reader_copy",
        sa.Column("set_name", sa.String(16), nullable=False),
        sa.Column("pacs", sa.String(32), sa.ForeignKey("pb_pacs.name"), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("reader", sa.String(32), sa.ForeignKey("pb_reader.code"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("set_name", "pacs", "copy"),
        sa.UniqueConstraint("set_name", "pacs", "reader"),
    )
    op.create_index("ix_pb_reader_copy_reader", "pb_reader_copy", ["reader"])
    op.create_table(
        "pb_copied_image",
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("set_name", sa.String(16), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("master", sa.String(64), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sop_instance_uid"),
    )
    op.create_index("ix_pb_copied_image_master", "pb_copied_image", ["master"])
    op.create_index("ix_pb_copied_image_content_hash", "pb_copied_image", ["content_hash"])


def downgrade() -> None:
    op.drop_table("pb_copied_image")
    op.drop_table("pb_reader_copy")
