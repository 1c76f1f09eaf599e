"""Keep reports of the standard beside readings, and what the scorer receipted"""

import sqlalchemy as sa
from alembic import op

from pacs_bridge.db.tables.base import UtcDateTime


revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_report",
        sa.Column("reading_uid", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("marks", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("kept_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["reading_uid"],
            ["pb_reading.reading_uid"],
            name=op.f("fk_pb_report_reading_uid_pb_reading"),
        ),
        sa.PrimaryKeyConstraint("reading_uid", "revision", "number", name=op.f("pk_pb_report")),
    )
    op.create_index(op.f("ix_pb_report_content_hash"), "pb_report", ["content_hash"])
    # A reading that may have gone out already goes out as it was: without reports.
    op.add_column(
        "pb_outbox", sa.Column("sealed", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    op.add_column("pb_outbox", sa.Column("receipt", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("pb_outbox", "receipt")
    op.drop_column("pb_outbox", "sealed")
    op.drop_index(op.f("ix_pb_report_content_hash"), table_name="pb_report")
    op.drop_table("pb_report")
