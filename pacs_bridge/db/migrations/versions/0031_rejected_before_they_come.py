"""Keep what PACS reject before it comes, flags that were lifted, and who is named for a turn"""

import sqlalchemy as sa
from alembic import op


revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_rejection",
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pacs", "sop_instance_uid"),
    )
    op.execute(
        "INSERT INTO pb_rejection (pacs, sop_instance_uid, note, at) "
        "SELECT pacs, sop_instance_uid, rejected_by, received_at FROM pb_object "
        "WHERE rejected_by IS NOT NULL AND part_of IS NULL "
        "AND pacs IS NOT NULL"
    )
    op.create_table(
        "pb_exposure_lift",
        sa.Column("lift_id", sa.Integer(), nullable=False),
        sa.Column("reading_uid", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("because", sa.String(length=300), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("flagged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.String(length=300), nullable=False),
        sa.Column("objects", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("lift_id"),
    )
    op.create_index("ix_pb_exposure_lift_reading_uid", "pb_exposure_lift", ["reading_uid"])
    op.add_column("pb_exposure", sa.Column("lifted_by", sa.Integer(), nullable=True))
    op.create_table(
        "pb_turn_wish",
        sa.Column("wish_id", sa.Integer(), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("reader", sa.String(length=32), nullable=False),
        sa.Column("after_turn", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["pacs"], ["pb_pacs.name"]),
        sa.ForeignKeyConstraint(["reader"], ["pb_reader.code"]),
        sa.PrimaryKeyConstraint("wish_id"),
    )
    op.create_index("ix_pb_turn_wish_of", "pb_turn_wish", ["set_name", "pacs"])


def downgrade() -> None:
    op.drop_table("pb_turn_wish")
    op.drop_column("pb_exposure", "lifted_by")
    op.drop_table("pb_exposure_lift")
    op.drop_table("pb_rejection")
