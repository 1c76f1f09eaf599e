"""Keep what people saw at workstations"""

import sqlalchemy as sa
from alembic import op


revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pb_workstation_check",
        sa.Column("check_id", sa.Integer(), nullable=False),
        sa.Column("set_name", sa.String(length=16), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["site"], ["pb_site.name"]),
        sa.PrimaryKeyConstraint("check_id"),
    )
    with op.batch_alter_table("pb_workstation_check", schema=None) as batch_op:
        batch_op.create_index(
            "ix_pb_workstation_check_of", ["set_name", "copy", "site"], unique=False
        )
    with op.batch_alter_table("pb_site", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("requires_check", sa.Boolean(), nullable=False, server_default="0")
        )


def downgrade() -> None:
    with op.batch_alter_table("pb_site", schema=None) as batch_op:
        batch_op.drop_column("requires_check")
    op.drop_table("pb_workstation_check")
