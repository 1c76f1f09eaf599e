"""Keep how PACS keep readers apart: proofs, sightings, exposures and turns"""

import sqlalchemy as sa
from alembic import op


revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_isolation",
        sa.Column("statement_id", sa.Integer(), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("step", sa.String(length=8), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["pacs"], ["pb_pacs.name"]),
        sa.PrimaryKeyConstraint("statement_id"),
    )
    op.create_index("ix_pb_isolation_pacs", "pb_isolation", ["pacs"])
    op.create_table(
        "pb_sighting",
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("accession", sa.String(length=16), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("series_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_class_uid", sa.String(length=64), nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["pacs"], ["pb_pacs.name"]),
        sa.PrimaryKeyConstraint("pacs", "sop_instance_uid"),
    )
    op.create_index("ix_pb_sighting_of", "pb_sighting", ["pacs", "set_name"])
    op.create_table(
        "pb_exposure",
        sa.Column("reading_uid", sa.String(length=64), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("accession", sa.String(length=16), nullable=False),
        sa.Column("reader", sa.String(length=32), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("objects", sa.JSON(), nullable=False),
        sa.Column("words", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["reader"], ["pb_reader.code"]),
        sa.PrimaryKeyConstraint("reading_uid"),
    )
    op.create_index("ix_pb_exposure_set_name", "pb_exposure", ["set_name"])
    op.create_table(
        "pb_reading_turn",
        sa.Column("turn_id", sa.Integer(), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("reader", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["pacs"], ["pb_pacs.name"]),
        sa.ForeignKeyConstraint(["reader"], ["pb_reader.code"]),
        sa.PrimaryKeyConstraint("turn_id"),
    )
    op.create_index("ix_pb_reading_turn_of", "pb_reading_turn", ["set_name", "pacs"])


def downgrade() -> None:
    for table in ("pb_reading_turn", "pb_exposure", "pb_sighting", "pb_isolation"):
        op.drop_table(table)
