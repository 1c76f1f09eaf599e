"""How Alembic runs here: on a connection it is given, over our tables alone."""

from __future__ import annotations

from typing import Any

from alembic import context

from pacs_bridge.db.tables import all_tables


def ours(_item: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Leave the jobs' tables, which share the database, alone."""
    return kind != "table" or bool(name and name.startswith("pb_"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_tables(),
    include_object=ours,
    version_table="pb_alembic",
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
