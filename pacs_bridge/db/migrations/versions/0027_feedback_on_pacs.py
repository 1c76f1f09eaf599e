"""Keep what truth was put on which PACS, and by when it goes again"""

import sqlalchemy as sa
from alembic import op

from pacs_bridge.db.tables.base import UtcDateTime


revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_feedback",
        sa.Column("feedback_id", sa.Integer(), nullable=False),
        sa.Column("set_name", sa.String(16), nullable=False),
        sa.Column("pacs", sa.String(32), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("reader", sa.String(32), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("made_at", UtcDateTime(), nullable=True),
        sa.Column("found_at", UtcDateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("note", sa.String(500), nullable=False),
        sa.ForeignKeyConstraint(
            ["pacs"], ["pb_pacs.name"], name=op.f("fk_pb_feedback_pacs_pb_pacs")
        ),
        sa.PrimaryKeyConstraint("feedback_id", name=op.f("pk_pb_feedback")),
        sa.UniqueConstraint(
            "set_name", "pacs", "copy", "reader", "run", name=op.f("uq_pb_feedback_set_name")
        ),
    )
    op.create_index(op.f("ix_pb_feedback_pacs"), "pb_feedback", ["pacs"])
    op.create_table(
        "pb_feedback_withdrawal",
        sa.Column("feedback_id", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("begun_at", UtcDateTime(), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=True),
        sa.Column("gone_at", UtcDateTime(), nullable=True),
        sa.Column("left", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["feedback_id"],
            ["pb_feedback.feedback_id"],
            name=op.f("fk_pb_feedback_withdrawal_feedback_id_pb_feedback"),
        ),
        sa.PrimaryKeyConstraint("feedback_id", name=op.f("pk_pb_feedback_withdrawal")),
    )
    op.create_table(
        "pb_feedback_object",
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("feedback_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("sop_class_uid", sa.String(64), nullable=False),
        sa.Column("accession", sa.String(16), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_instance_uid", sa.String(64), nullable=False),
        sa.Column("series_number", sa.Integer(), nullable=False),
        sa.Column("instance_number", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("comment", sa.String(200), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("in_doubt", sa.Boolean(), nullable=False),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["feedback_id"],
            ["pb_feedback.feedback_id"],
            name=op.f("fk_pb_feedback_object_feedback_id_pb_feedback"),
        ),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_pb_feedback_object")),
    )
    for column in ("accession", "feedback_id"):
        op.create_index(op.f(f"ix_pb_feedback_object_{column}"), "pb_feedback_object", [column])


def downgrade() -> None:
    op.drop_table("pb_feedback_object")
    op.drop_table("pb_feedback_withdrawal")
    op.drop_table("pb_feedback")
