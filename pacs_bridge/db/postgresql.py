"""PostgreSQL, held to what SQLite promises: durable commits, writers in turn, whole pictures.

Everything above stands on a database whose writers take turns: what is looked up before it is
added is still so when it is added, and rows are numbered in the order in which they can be seen.
So they take turns here too, among all processes; who reads waits for nobody (decision 0074).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.types.string import StrDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
from sqlalchemy.exc import ArgumentError, DBAPIError

from pacs_bridge.db.trouble import not_taken
from pacs_bridge.domain.errors import RefusedInput

TURN_OF_WRITERS = 0x7062_7475_726E
"""The advisory lock, of this database alone, that a writer holds until its transaction ends."""

MOST_CONNECTIONS = 20  # of one engine; whoever comes then waits for one
IDLE_SECONDS = 120  # with the turn, before the server takes it from a process that hangs
OLDEST_VERSION = 13
_DRIVER = "postgresql+psycopg"
_LINE = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "application_name": "pacs_bridge",
}
"""A server that went away without a word is noticed within a minute; an URL may say otherwise."""

_DURABLE = """\
SELECT set_config('timezone', 'UTC', false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
    set_config('tcp_keepalives_idle', '30', false),
    set_config('tcp_keepalives_interval', '10', false),
    set_config('tcp_keepalives_count', '3', false)"""
_PATIENT = """\
SELECT set_config('lock_timeout', %s, false),
    set_config('idle_in_transaction_session_timeout', %s, false)"""
_TAKE_TURN = f"SELECT pg_advisory_xact_lock({TURN_OF_WRITERS})"
_STANDING = """\
SELECT current_setting('server_version_num')::int / 10000,
    current_setting('server_encoding'),
    current_setting('max_connections')::int,
    current_setting('fsync') = 'on',
    current_setting('full_page_writes') = 'on',
    pg_is_in_recovery(),
    has_database_privilege(current_database(), 'CREATE'),
    has_schema_privilege(current_schema(), 'CREATE')"""


class _Types(PGTypeCompiler):
    """Columns of text as SQLite has them: of any length, whatever a table says is enough.

    A sentence that is a letter too long must not cost the mark that it is about.
    """

    def visit_VARCHAR(self, type_: Any, **_: Any) -> str:  # noqa: N802  the name is theirs
        """Give the type without its length."""
        del type_
        return "VARCHAR"


class _Text(StrDumper):
    """Text as it is, but for what PostgreSQL cannot hold: a NUL is shown as what it is not."""

    def dump(self, obj: str) -> Any:
        """Give the bytes that go to the server."""
        return super().dump(obj.replace("\0", "\ufffd"))


def is_postgresql(url: str) -> bool:
    """Tell whether an address is one of PostgreSQL's."""
    return url.split(":", 1)[0].split("+", 1)[0] in ("postgresql", "postgres")


def make_postgresql(url: str, *, writes: bool, milliseconds: int) -> Engine:
    """Make an engine for units of work.

    Parameters
    ----------
    writes : bool
        Whether its transactions are writers', one at a time; those of others see one moment of
        the database from their first question to their last.
    milliseconds : int
        How long a writer waits for its turn, and anybody for a connection.
    """
    engine = create_engine(
        _complete(url),
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=MOST_CONNECTIONS - 5,
        pool_timeout=milliseconds / 1000,
        # A writer's own snapshot must be taken after its turn has come, so for each statement.
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
    )

    engine.dialect.type_compiler_instance = _Types(engine.dialect)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.adapters.register_dumper(str, _Text)
        idle = f"{IDLE_SECONDS}s" if writes else "0"
        _ask(connection, _DURABLE)
        _ask(connection, _PATIENT, f"{milliseconds}ms", idle)

    if writes:

        @event.listens_for(engine, "begin")
        def _on_begin(connection: Connection) -> None:
            connection.exec_driver_sql(_TAKE_TURN)

    return engine


def make_jobs_postgresql(url: str) -> Engine:
    """Make an engine for the jobs' library, which has its own ways of keeping order."""
    engine = create_engine(
        _complete(url), pool_pre_ping=True, pool_size=5, max_overflow=MOST_CONNECTIONS - 5
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        _ask(connection, _DURABLE)

    return engine


def _complete(url: str) -> URL:
    """Give the whole address: our driver, and how a line that died is noticed.

    Raises
    ------
    RefusedInput
        When it is none; it is not repeated, since it may hold a password.
    """
    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        raise RefusedInput(
            "The setting database.url is no address of a database; write it as "
            '"postgresql://USER@HOST/NAME".'
        ) from None
    return made.set(drivername=_DRIVER).update_query_dict({**_LINE, **made.query})


def _ask(connection: Any, text: str, *values: str) -> None:
    """Run a statement on the driver, in no transaction: what it sets stays set."""
    before = connection.autocommit
    connection.autocommit = True
    connection.execute(text, values or None)
    connection.autocommit = before


@dataclass(frozen=True)
class Standing:
    """What a server says of itself.

    Parameters
    ----------
    version : int
        Its major version.
    connections : int
        How many it takes at most, of everybody.
    durable : bool
        Whether a commit survives a power cut.
    standby : bool
        Whether it only follows another one.
    owned : bool
        Whether we may make the tables.
    """

    version: int
    encoding: str
    connections: int
    durable: bool
    standby: bool
    owned: bool

    @property
    def trouble(self) -> str:
        """What keeps it from serving us, and what to do, as a sentence; empty for nothing."""
        if self.version < OLDEST_VERSION:
            return (
                f"PostgreSQL {self.version} is too old; use {OLDEST_VERSION} or newer for "
                "database.url."
            )
        if self.standby:
            return "The database server follows another one; name the leading one in database.url."
        if self.encoding != "UTF8":
            return (
                f"The database holds text as {self.encoding}; make one with ENCODING 'UTF8' and "
                "name it in database.url."
            )
        if not self.durable:
            return (
                "The database server would lose what it confirmed at a power cut; set fsync and "
                "full_page_writes to on in its postgresql.conf, and reload it."
            )
        if not self.owned:
            return (
                "The database's user may not make tables; make it the owner: "
                "ALTER DATABASE NAME OWNER TO USER."
            )
        return ""


def stand(engine: Engine) -> Standing:
    """Ask a server about itself.

    Raises
    ------
    StoreBusy
        When it does not answer, or does not let us in; its cause says which.
    """
    try:
        with engine.connect() as connection:
            row = connection.exec_driver_sql(_STANDING).one()
    except DBAPIError as error:
        raise not_taken(error) or error from error
    version, encoding, connections, fsync, pages, standby, database, schema = row
    owned = bool(database and schema)
    return Standing(version, encoding, connections, fsync and pages, standby, owned)
