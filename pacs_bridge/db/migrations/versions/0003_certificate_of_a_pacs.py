"""The certificate that a PACS calls with"""

from alembic import op
import sqlalchemy as sa


revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pb_pacs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("certificate", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("pb_pacs", schema=None) as batch_op:
        batch_op.drop_column("certificate")
