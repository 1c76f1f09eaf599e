"""Keep sizes of 2 GiB and more in PostgreSQL, as SQLite does"""

import sqlalchemy as sa
from alembic import op


revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_TABLES = ("pb_object", "pb_refusal")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            op.alter_column(table, "size", type_=sa.BigInteger(), existing_type=sa.Integer())


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            op.alter_column(table, "size", type_=sa.Integer(), existing_type=sa.BigInteger())
