"""What the database's server must be like before anything is kept in it."""

from __future__ import annotations

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.wiring.installation import Installation


def check_database(installation: Installation) -> None:
    """Refuse a server that would lose what it confirmed, or cannot hold our tables.

    SQLite is set up by ourselves each time, and needs no looking at.

    Raises
    ------
    RefusedInput
        When it is not fit; the sentence says what to do.
    StoreBusy
        When it does not answer, or does not let us in.
    """
    engine = installation.engine
    if engine.dialect.name == "sqlite":
        return
    from pacs_bridge.db.postgresql import stand

    if trouble := stand(engine).trouble:
        raise RefusedInput(trouble)
