"""Keep readers' answers, which reading an object belongs to, and who has longer"""

import sqlalchemy as sa
from alembic import op


revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_answer",
        sa.Column("answer_id", sa.Integer(), nullable=False),
        sa.Column("reading_uid", sa.String(length=64), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("accession", sa.String(length=16), nullable=False),
        sa.Column("reader", sa.String(length=32), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("answer_id", name="pk_pb_answer"),
        sa.UniqueConstraint("reading_uid", "token", name="uq_pb_answer_reading_uid"),
    )
    op.create_index("ix_pb_answer_reader_set", "pb_answer", ["reader", "set_name"])
    with op.batch_alter_table("pb_object") as table:
        table.add_column(sa.Column("reading_uid", sa.String(length=64), nullable=True))
        table.create_index("ix_pb_object_reading_uid", ["reading_uid"])
    with op.batch_alter_table("pb_enrolment") as table:
        table.add_column(sa.Column("extended_to", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE pb_object SET reading_uid = accession || '-' || reader "
        "WHERE state = 'read' AND reader IS NOT NULL AND accession IS NOT NULL"
    )


def downgrade() -> None:
    with op.batch_alter_table("pb_enrolment") as table:
        table.drop_column("extended_to")
    with op.batch_alter_table("pb_object") as table:
        table.drop_index("ix_pb_object_reading_uid")
        table.drop_column("reading_uid")
    op.drop_index("ix_pb_answer_reader_set", table_name="pb_answer")
    op.drop_table("pb_answer")
