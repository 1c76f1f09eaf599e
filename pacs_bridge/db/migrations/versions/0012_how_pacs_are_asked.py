"""Keep how each PACS is best asked, and the names that people have accepted"""

import sqlalchemy as sa
from alembic import op


revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_pacs_profile",
        sa.Column("pacs", sa.String(length=32), nullable=False),
        sa.Column("learned", sa.JSON(), nullable=False),
        sa.Column("learned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pacs"], ["pb_pacs.name"]),
        sa.PrimaryKeyConstraint("pacs"),
    )
    op.create_table(
        "pb_search_note",
        sa.Column("load_id", sa.Integer(), nullable=False),
        sa.Column("accession", sa.String(length=16), nullable=False),
        sa.Column("search_for", sa.String(length=64), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["load_id"], ["pb_load.load_id"]),
        sa.PrimaryKeyConstraint("load_id", "accession"),
    )
    with op.batch_alter_table("pb_pacs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("grade", sa.String(length=16), nullable=False, server_default="proven")
        )
        batch_op.add_column(sa.Column("grace", sa.Float(), nullable=True))
    with op.batch_alter_table("pb_load_case", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("search_for", sa.String(length=64), nullable=False, server_default="")
        )


def downgrade() -> None:
    with op.batch_alter_table("pb_load_case", schema=None) as batch_op:
        batch_op.drop_column("search_for")
    with op.batch_alter_table("pb_pacs", schema=None) as batch_op:
        batch_op.drop_column("grace")
        batch_op.drop_column("grade")
    op.drop_table("pb_search_note")
    op.drop_table("pb_pacs_profile")
