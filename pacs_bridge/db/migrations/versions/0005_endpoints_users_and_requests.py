"""What each endpoint of a PACS has of its own, its users, and the requests of an association"""

from alembic import op
import sqlalchemy as sa


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pb_endpoint", schema=None) as batch_op:
        batch_op.add_column(sa.Column("our_ae_title", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("plain", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("certificate", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("timeouts", sa.JSON(), nullable=True))
    with op.batch_alter_table("pb_pacs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("users", sa.JSON(), nullable=True))
    with op.batch_alter_table("pb_association", schema=None) as batch_op:
        batch_op.add_column(sa.Column("certificate", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("requests", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("pb_association", schema=None) as batch_op:
        batch_op.drop_column("requests")
        batch_op.drop_column("certificate")
    with op.batch_alter_table("pb_pacs", schema=None) as batch_op:
        batch_op.drop_column("users")
    with op.batch_alter_table("pb_endpoint", schema=None) as batch_op:
        batch_op.drop_column("timeouts")
        batch_op.drop_column("certificate")
        batch_op.drop_column("plain")
        batch_op.drop_column("our_ae_title")
