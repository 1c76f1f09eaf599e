"""Keep longer sentences, and the sizes of images that came back at another size"""

import sqlalchemy as sa
from alembic import op


revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pb_load_case") as table:
        table.alter_column("instruction", type_=sa.String(1000), existing_type=sa.String(500))
    op.add_column("pb_intact", sa.Column("sizes", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("pb_intact", "sizes")
    with op.batch_alter_table("pb_load_case") as table:
        table.alter_column("instruction", type_=sa.String(500), existing_type=sa.String(1000))
