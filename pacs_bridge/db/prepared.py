"""Statements that are asked thousands of times a second: compiled once, then handed to the driver.

SQLAlchemy's own way of running a statement costs more than what SQLite does with it. Here only
the path of a received object goes round it; the SQL text is still SQLAlchemy's, for the database
at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.sql import ClauseElement

from pacs_bridge.db.driver import ask_sqlite


class Result(Protocol):
    """What a statement changed or found."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def first(self) -> Any | None:
        """Give the first row that was found, and forget all others."""


@dataclass(frozen=True)
class _Compiled:
    text: str
    names: tuple[str, ...]  # of the parameters, in the order of the driver
    processors: tuple[Any, ...]
    constants: Mapping[str, Any]
    positional: bool


class Prepared:
    """One statement; its results are as the driver gives them, without result types.

    Parameters
    ----------
    statement : ClauseElement
        With plain parameters only: none that expands into several.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> Result:
        """Run it on a connection, inside whatever transaction is open there."""
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _compile(self._statement, dialect)
        if compiled.constants:
            values = {**compiled.constants, **values}
        given = [
            values[name] if process is None else process(values[name])
            for name, process in zip(compiled.names, compiled.processors, strict=True)
        ]
        if dialect.name == "sqlite":
            return ask_sqlite(connection, compiled.text, given)
        if compiled.positional:
            return connection.exec_driver_sql(compiled.text, tuple(given))
        return connection.exec_driver_sql(
            compiled.text, dict(zip(compiled.names, given, strict=True))
        )


def _compile(statement: ClauseElement, dialect: Any) -> _Compiled:
    compiled: Any = statement.compile(dialect=dialect)
    positional = bool(compiled.positional)
    binds = {name: bind for bind, name in compiled.bind_names.items()}
    names = tuple(compiled.positiontup if positional else binds)
    return _Compiled(
        str(compiled),
        names,
        tuple(binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names),
        {name: bind.effective_value for name, bind in binds.items() if not bind.required},
        positional,
    )
