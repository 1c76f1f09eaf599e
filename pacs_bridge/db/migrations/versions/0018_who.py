"""Keep handshakes, shared log-ins, the claim queue, claims and reading sessions"""

import sqlalchemy as sa
from alembic import op


revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "pb_reader",
        sa.Column("machine", sa.Boolean(), server_default="0", nullable=False),
    )
    op.add_column(
        "pb_reader_alias",
        sa.Column("learned", sa.Boolean(), server_default="0", nullable=False),
    )
    op.create_table(
        "pb_handshake",
        sa.Column("handshake_id", sa.Integer(), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("reader", sa.String(length=32), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("accession", sa.String(length=16), nullable=False),
        sa.Column("code", sa.JSON(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(length=500), nullable=False),
        sa.Column("proof", sa.JSON(), nullable=True),
        sa.Column("objects", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["pacs"], ["pb_pacs.name"]),
        sa.ForeignKeyConstraint(["reader"], ["pb_reader.code"]),
        sa.PrimaryKeyConstraint("handshake_id"),
    )
    op.create_index("ix_pb_handshake_of", "pb_handshake", ["pacs", "state"])
    op.create_index("ix_pb_handshake_reader", "pb_handshake", ["reader"])
    op.create_table(
        "pb_shared_login",
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("because", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pacs"], ["pb_pacs.name"]),
        sa.PrimaryKeyConstraint("pacs", "login"),
    )
    op.create_table(
        "pb_pacs_reading",
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("viewer_hint", sa.String(length=300), nullable=False),
        sa.Column("logins", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["pacs"], ["pb_pacs.name"]),
        sa.PrimaryKeyConstraint("pacs"),
    )
    op.create_table(
        "pb_claim_queue",
        sa.Column("object_uid", sa.String(length=64), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("accession", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("station", sa.String(length=64), nullable=False),
        sa.Column("said_at", sa.String(length=32), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("claimable", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["object_uid"], ["pb_object.sop_instance_uid"]),
        sa.PrimaryKeyConstraint("object_uid"),
    )
    op.create_index("ix_pb_claim_queue_of", "pb_claim_queue", ["pacs", "set_name"])
    op.create_table(
        "pb_claim",
        sa.Column("claim_id", sa.Integer(), nullable=False),
        sa.Column("object_uid", sa.String(length=64), nullable=False),
        sa.Column("saying", sa.String(length=12), nullable=False),
        sa.Column("reader", sa.String(length=32), nullable=True),
        sa.Column("statement", sa.String(length=500), nullable=False),
        sa.Column("because", sa.String(length=300), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["object_uid"], ["pb_object.sop_instance_uid"]),
        sa.PrimaryKeyConstraint("claim_id"),
    )
    op.create_index("ix_pb_claim_object_uid", "pb_claim", ["object_uid"])
    op.create_index("ix_pb_claim_reader", "pb_claim", ["reader"])
    op.create_table(
        "pb_reading_session",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("reader", sa.String(length=32), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("workstation", sa.String(length=64), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["reader"], ["pb_reader.code"]),
        sa.PrimaryKeyConstraint("session_id"),
    )
    op.create_index("ix_pb_reading_session_of", "pb_reading_session", ["pacs", "opened_at"])
    op.create_index("ix_pb_reading_session_reader", "pb_reading_session", ["reader"])
    op.create_table(
        "pb_finished_case",
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("accession", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["pb_reading_session.session_id"]),
        sa.PrimaryKeyConstraint("session_id", "accession"),
    )


def downgrade() -> None:
    for table in (
        "pb_finished_case",
        "pb_reading_session",
        "pb_claim",
        "pb_claim_queue",
        "pb_pacs_reading",
        "pb_shared_login",
        "pb_handshake",
    ):
        op.drop_table(table)
    op.drop_column("pb_reader_alias", "learned")
    op.drop_column("pb_reader", "machine")
