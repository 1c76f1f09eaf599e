"""All tables; their names begin with ``pb_`` because the jobs' tables share the database.

Each module is loaded by whoever uses its tables, with those that they refer to: a node knows
half of them (decision 0073).
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from sqlalchemy import MetaData


def all_tables() -> MetaData:
    """Give every table, for migrations."""
    from pacs_bridge.db.tables.base import Base

    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
    return Base.metadata
