"""The audit trail, how far it is gathered, and what was dropped of it"""

from alembic import op
import sqlalchemy as sa

from pacs_bridge.db.tables.base import UtcDateTime


revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_audit",
        sa.Column("audit_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=24), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("outcome", sa.Integer(), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.Column("sent_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_pb_audit")),
        sa.UniqueConstraint("place", name=op.f("uq_pb_audit_place")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("pb_audit", schema=None) as batch_op:
        batch_op.create_index("ix_pb_audit_sent_place", ["sent_at", "place"], unique=False)
        batch_op.create_index(batch_op.f("ix_pb_audit_at"), ["at"], unique=False)
    op.create_table(
        "pb_audit_cursor",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pb_audit_cursor")),
    )
    op.create_table(
        "pb_audit_drop",
        sa.Column("drop_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("first_place", sa.Integer(), nullable=False),
        sa.Column("last_place", sa.Integer(), nullable=False),
        sa.Column("unsent", sa.Integer(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("drop_id", name=op.f("pk_pb_audit_drop")),
    )
    with op.batch_alter_table("pb_audit_drop", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_pb_audit_drop_last_place"), ["last_place"], unique=False
        )


def downgrade() -> None:
    op.drop_table("pb_audit_drop")
    op.drop_table("pb_audit_cursor")
    op.drop_table("pb_audit")
