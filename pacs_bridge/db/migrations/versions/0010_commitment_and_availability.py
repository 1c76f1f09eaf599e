"""Storage commitment both ways, and notified availability"""

import sqlalchemy as sa
from alembic import op

import pacs_bridge.db.tables.base

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MOMENT = pacs_bridge.db.tables.base.UtcDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "pb_availability",
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("availability", sa.String(length=11), nullable=False),
        sa.Column("retrieve_ae", sa.String(length=16), nullable=False),
        sa.Column("noted_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["pacs"], ["pb_pacs.name"], name=op.f("fk_pb_availability_pacs_pb_pacs")
        ),
        sa.PrimaryKeyConstraint("pacs", "sop_instance_uid", name=op.f("pk_pb_availability")),
    )
    op.create_index(
        op.f("ix_pb_availability_study_instance_uid"), "pb_availability", ["study_instance_uid"]
    )
    op.create_table(
        "pb_custody",
        sa.Column("custody_id", sa.Integer(), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("objects", sa.JSON(), nullable=False),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("claimed_at", _MOMENT, nullable=True),
        sa.Column("reported_at", _MOMENT, nullable=True),
        sa.Column("route", sa.String(length=4), nullable=True),
        sa.Column("committed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["pacs"], ["pb_pacs.name"], name=op.f("fk_pb_custody_pacs_pb_pacs")
        ),
        sa.PrimaryKeyConstraint("custody_id", name=op.f("pk_pb_custody")),
        sa.UniqueConstraint("pacs", "transaction_uid", name=op.f("uq_pb_custody_pacs")),
    )
    op.create_index(op.f("ix_pb_custody_asked_at"), "pb_custody", ["asked_at"])
    op.create_index(op.f("ix_pb_custody_pacs"), "pb_custody", ["pacs"])
    op.create_table(
        "pb_commitment",
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("load_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("comment", sa.String(length=200), nullable=False),
        sa.Column("reported_at", _MOMENT, nullable=True),
        sa.Column("route", sa.String(length=4), nullable=True),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["load_id"], ["pb_load.load_id"], name=op.f("fk_pb_commitment_load_id_pb_load")
        ),
        sa.ForeignKeyConstraint(
            ["pacs"], ["pb_pacs.name"], name=op.f("fk_pb_commitment_pacs_pb_pacs")
        ),
        sa.PrimaryKeyConstraint("transaction_uid", name=op.f("pk_pb_commitment")),
    )
    op.create_index(op.f("ix_pb_commitment_asked_at"), "pb_commitment", ["asked_at"])
    op.create_index(op.f("ix_pb_commitment_load_id"), "pb_commitment", ["load_id"])
    op.create_index(op.f("ix_pb_commitment_pacs"), "pb_commitment", ["pacs"])
    op.create_table(
        "pb_commitment_instance",
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_class_uid", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=13), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["transaction_uid"],
            ["pb_commitment.transaction_uid"],
            name=op.f("fk_pb_commitment_instance_transaction_uid_pb_commitment"),
        ),
        sa.PrimaryKeyConstraint(
            "transaction_uid", "sop_instance_uid", name=op.f("pk_pb_commitment_instance")
        ),
    )


def downgrade() -> None:
    for table in ("pb_commitment_instance", "pb_commitment", "pb_custody", "pb_availability"):
        op.drop_table(table)
