"""Objects that are safe in the database and wait for the archive and for their job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, false, insert, select

from pacs_bridge.db.prepared import Prepared
from pacs_bridge.db.repositories.objects import add_object, row_of
from pacs_bridge.db.tables.arrivals import ArrivalRow
from pacs_bridge.db.tables.base import table_of
from pacs_bridge.db.tables.loads import PacsRow
from pacs_bridge.db.tables.objects import ObjectRow
from pacs_bridge.domain.objects import ReceivedObject

_arrival, _object, _pacs = map(table_of, (ArrivalRow, ObjectRow, PacsRow))
_ADD_OBJECT = Prepared(
    add_object(exists().where(_pacs.c.name == bindparam("pacs"), _pacs.c.paused == false())),
)
_ADD = Prepared(insert(_arrival))
_ANY = Prepared(select(_arrival.c.sop_instance_uid).limit(1))
_DATA = Prepared(select(_arrival.c.data).where(_arrival.c.sop_instance_uid == bindparam("uid")))


@dataclass(frozen=True)
class Arrival:
    """One object that waits.

    Parameters
    ----------
    data : bytes
        The whole file, as it will lie in the archive; empty where it lies there already.
    image : str or None
        Of an image of ours that came back: its own SOP Instance UID.
    """

    sop_instance_uid: str
    content_hash: str
    data: bytes
    image: str | None = None


class Arrivals:
    """The bytes of objects on their way into the archive, each the job of handing it over.

    Parameters
    ----------
    connect : callable
        Gives the connection of the transaction that is open.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect

    def add(self, received: ReceivedObject, data: bytes) -> bool:
        """Keep a new object's row and its bytes, which are its job too.

        Returns
        -------
        bool
            False, and nothing is changed, where its UID is here already, or its PACS is paused
            or gone.
        """
        connection = self._connect()
        if _ADD_OBJECT.run(connection, row_of(received)).rowcount != 1:
            return False
        _ADD.run(connection, {"sop_instance_uid": received.sop_instance_uid, "data": data})
        return True

    def announce(self, received: ReceivedObject) -> bool:
        """Keep the row of a new object that lies in the archive, and that its job is due.

        Returns
        -------
        bool
            As `add` does.
        """
        return self.add(received, b"")

    def any(self) -> bool:
        """Whether something waits."""
        return _ANY.run(self._connect(), {}).first() is not None

    def oldest(self, most: int) -> list[Arrival]:
        """List so many of those that wait, in the order in which they came."""
        rows = self._connect().execute(
            select(
                ArrivalRow.sop_instance_uid,
                _object.c.content_hash,
                ArrivalRow.data,
                _object.c.image,
            )
            .join(_object, _object.c.sop_instance_uid == ArrivalRow.sop_instance_uid)
            .order_by(_object.c.arrival)
            .limit(most)
        )
        return [Arrival(*row) for row in rows]

    def data(self, sop_instance_uid: str) -> bytes | None:
        """Give the file of one object; None where it does not wait here (any more)."""
        row = _DATA.run(self._connect(), {"uid": sop_instance_uid}).first()
        return None if row is None else bytes(row[0])

    def remove(self, sop_instance_uids: Sequence[str]) -> None:
        """Forget the bytes of objects that lie in the archive."""
        self._connect().execute(
            delete(ArrivalRow).where(ArrivalRow.sop_instance_uid.in_(sop_instance_uids))
        )
