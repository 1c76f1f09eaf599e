"""Received objects and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.base import table_of
from pacs_bridge.db.tables.objects import ObjectRow, RefusalRow
from pacs_bridge.domain.objects import Caller, Originator, ReceivedObject, Refusal

_object_table = table_of(ObjectRow)
_AT_ONCE = 500  # identifiers in one question
_given = [column for column in _object_table.c if column.name != "arrival"]


def add_object(*conditions: ColumnElement[bool]) -> Insert:
    """Make the statement that keeps an object where its UID is not here and all conditions hold.

    Its parameters are those of `row_of`.
    """
    return insert(_object_table).from_select(
        ["arrival", *(column.name for column in _given)],
        select(
            select(func.coalesce(func.max(_object_table.c.arrival), 0) + 1).scalar_subquery(),
            *(bindparam(column.name, type_=column.type) for column in _given),
        ).where(
            ~exists().where(
                _object_table.c.sop_instance_uid
                == bindparam("sop_instance_uid", type_=_object_table.c.sop_instance_uid.type)
            ),
            *conditions,
        ),
    )


def row_of(received: ReceivedObject) -> dict[str, Any]:
    """Give the values of a new object's row."""
    caller = received.caller
    return {
        "sop_instance_uid": received.sop_instance_uid,
        "sop_class_uid": received.sop_class_uid,
        "transfer_syntax_uid": received.transfer_syntax_uid,
        "content_hash": received.content_hash,
        "same_content": received.same_content,
        "size": received.size,
        "pacs": caller.pacs,
        "calling_ae": caller.ae_title,
        "address": caller.address,
        "accession": received.accession,
        "received_at": received.received_at,
        "state": received.state,
        "reason": received.reason,
        "kind": received.kind,
        "reader": received.reader,
        "observed_at": received.observed_at,
        "repeats": 0,
        "image": received.image,
        "originator": received.originator.ae_title if received.originator else None,
        "originator_message_id": received.originator.message_id if received.originator else None,
        "reading_uid": None,
        "part_of": received.part_of,
        "rejected_by": None,
        "read_by": received.read_by,
    }


_OF_ONE = {
    "sop_instance_uid", "part_of", "state", "reason", "kind", "reader", "observed_at",
    "repeats", "reading_uid", "read_by", "rejected_by",
}  # fmt: skip
"""What a part of an object has for itself."""

_ADD = add_object()
_SAME_CONTENT = select(_object_table.c.same_content).where(
    _object_table.c.sop_instance_uid == bindparam("uid")
)
_COUNT_REPEAT = (
    update(_object_table)
    .where(_object_table.c.sop_instance_uid == bindparam("uid"))
    .values(repeats=_object_table.c.repeats + 1)
)


class Objects:
    """Objects that we answered Success to."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, received: ReceivedObject) -> bool:
        """Keep a new object; false, and nothing is changed, where its UID is here."""
        added = self._session.connection().execute(_ADD, row_of(received))
        return added.rowcount == 1

    def add_part(self, sop_instance_uid: str, part: str) -> bool:
        """Keep one person's part of an object as if it had come with it; false where it is here."""
        if self._session.get(ObjectRow, part) is not None:
            return False
        whole = self._session.get_one(ObjectRow, sop_instance_uid)
        copied = {
            column.name: getattr(whole, column.name)
            for column in _object_table.c
            if column.name not in _OF_ONE
        }
        row = ObjectRow(sop_instance_uid=part, part_of=sop_instance_uid, state="received", **copied)
        self._session.add(row)
        self._session.flush()
        return True

    def parts_of(self, sop_instance_uid: str) -> list[ReceivedObject]:
        """List the parts of an object that are kept by themselves."""
        rows = self._session.scalars(
            select(ObjectRow)
            .where(ObjectRow.part_of == sop_instance_uid)
            .order_by(ObjectRow.sop_instance_uid)
        )
        return [_object(row) for row in rows]

    def reject(self, sop_instance_uid: str, pacs: str, note: str) -> list[ReceivedObject]:
        """Note that a PACS took an object out of use; gives it and its parts, where that is new.

        Parameters
        ----------
        pacs : str
            Who says so: of no other's objects.
        note : str
            UID of the object that says so.
        """
        rows = self._session.scalars(
            select(ObjectRow).where(
                or_(
                    ObjectRow.sop_instance_uid == sop_instance_uid,
                    ObjectRow.part_of == sop_instance_uid,
                ),
                ObjectRow.pacs == pacs,
                ObjectRow.rejected_by.is_(None),
            )
        ).all()
        for row in rows:
            row.rejected_by = note
        self._session.flush()
        return [_object(row) for row in rows]

    def reject_one(self, sop_instance_uid: str, note: str) -> bool:
        """Note that its PACS took one object out of use; false where that is known."""
        row = self._session.get_one(ObjectRow, sop_instance_uid)
        is_new = row.rejected_by is None
        row.rejected_by = row.rejected_by or note
        return is_new

    def same_content(self, sop_instance_uid: str) -> str | None:
        """Give the digest of an object's content; None where the object is not here."""
        found: str | None = (
            self._session.connection().execute(_SAME_CONTENT, {"uid": sop_instance_uid}).scalar()
        )
        return found

    def find(self, sop_instance_uid: str) -> ReceivedObject | None:
        """Look an object up."""
        row = self._session.get(ObjectRow, sop_instance_uid)
        return None if row is None else _object(row)

    def last_of(self, sop_instance_uids: Sequence[str]) -> datetime | None:
        """Give when the last of these came; None where none is here."""
        uid = ObjectRow.sop_instance_uid
        query = select(func.max(ObjectRow.received_at)).where(uid.in_(sop_instance_uids))
        return self._session.scalar(query)

    def known(self, sop_instance_uids: Sequence[str]) -> set[str]:
        """Give those of them that are here."""
        found: set[str] = set()
        for start in range(0, len(sop_instance_uids), _AT_ONCE):
            some = sop_instance_uids[start : start + _AT_ONCE]
            uid = ObjectRow.sop_instance_uid
            found.update(self._session.scalars(select(uid).where(uid.in_(some))))
        return found

    def count_repeat(self, sop_instance_uid: str) -> None:
        """Note that the same object came again."""
        self._session.connection().execute(_COUNT_REPEAT, {"uid": sop_instance_uid})

    def set_read(
        self,
        sop_instance_uid: str,
        *,
        kind: str,
        reader: str | None,
        observed_at: datetime | None,
        reading_uid: str | None = None,
    ) -> None:
        """Note that an object was read, whose it is and which reading it belongs to.

        A moment of which no time zone is known is no moment here; what was read keeps it.
        """
        row = self._session.get_one(ObjectRow, sop_instance_uid)
        row.state, row.kind, row.reader = "read", kind, reader
        row.observed_at = observed_at if observed_at and observed_at.tzinfo else None
        row.reason, row.reading_uid = "", reading_uid

    def park(self, sop_instance_uid: str, reason: str, *, kind: str = "") -> None:
        """Set an object aside for a person."""
        row = self._session.get_one(ObjectRow, sop_instance_uid)
        row.state, row.reason, row.kind = "parked", reason[:500], kind or row.kind

    def set_read_by(self, sop_instance_uid: str, version: int) -> None:
        """Keep which version read an object; below 0 where it is to be read again by the same."""
        self._session.get_one(ObjectRow, sop_instance_uid).read_by = version

    def read_before(self, version: int, limit: int) -> list[ReceivedObject]:
        """List what was read by an older version, and then what wants to be read again."""
        rows = self._session.scalars(
            select(ObjectRow)
            .where(
                ObjectRow.read_by < version,
                ObjectRow.state.in_(("read", "parked")),
                or_(ObjectRow.image.is_(None), ObjectRow.kind == "overlay"),
            )
            .order_by(ObjectRow.read_by.desc(), ObjectRow.arrival)
            .limit(limit)
        )
        return [_object(row) for row in rows]

    def in_state(self, state: str, limit: int = 1000) -> list[ReceivedObject]:
        """List objects in a state, oldest first."""
        rows = self._session.scalars(
            select(ObjectRow)
            .where(ObjectRow.state == state)
            .order_by(ObjectRow.arrival)
            .limit(limit)
        )
        return [_object(row) for row in rows]

    def list_newest(self, limit: int = 200) -> list[ReceivedObject]:
        """List the newest objects that may hold marks, unclaimed and parked ones first."""
        rows = self._session.scalars(
            select(ObjectRow)
            .where(or_(ObjectRow.image.is_(None), ObjectRow.kind == "overlay"))
            .order_by(ObjectRow.reader.is_not(None), ObjectRow.arrival.desc())
            .limit(limit)
        )
        return [_object(row) for row in rows]

    def traffic_of(self, pacs: str) -> tuple[int, int]:
        """Count how often objects came from a PACS, the same ones too; and give the newest's place.

        Parts of an object came with it and are not counted.
        """
        count, repeats, newest = self._session.execute(
            select(func.count(), func.sum(ObjectRow.repeats), func.max(ObjectRow.arrival)).where(
                ObjectRow.pacs == pacs, ObjectRow.part_of.is_(None)
            )
        ).one()
        return count + (repeats or 0), newest or 0

    def come_after(self, pacs: str, arrival: int) -> list[str]:
        """List what came from a PACS after a place in the order of arrival."""
        rows = self._session.scalars(
            select(ObjectRow.sop_instance_uid)
            .where(ObjectRow.pacs == pacs, ObjectRow.arrival > arrival, ObjectRow.part_of.is_(None))
            .order_by(ObjectRow.arrival)
        )
        return list(rows)

    def counts(self) -> dict[str, int]:
        """Count objects by state."""
        return dict(
            self._session.execute(
                select(ObjectRow.state, func.count()).group_by(ObjectRow.state)
            ).all()
        )


class Refusals:
    """Objects that were not taken."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, refusal: Refusal) -> None:
        """Keep a refusal."""
        caller = refusal.caller
        self._session.add(
            RefusalRow(
                at=refusal.at,
                pacs=caller.pacs,
                calling_ae=caller.ae_title,
                address=caller.address,
                sop_class_uid=refusal.sop_class_uid,
                size=refusal.size,
                status=refusal.status,
                kind=refusal.kind,
                reason=refusal.reason[:500],
                keyed_hash=refusal.keyed_hash,
                content_hash=refusal.content_hash,
            )
        )

    def count_of(self, pacs: str) -> int:
        """Count all refusals of what a PACS sent."""
        query = select(func.count()).select_from(RefusalRow).where(RefusalRow.pacs == pacs)
        return self._session.scalar(query) or 0

    def count_since(self, pacs: str, kind: str, since: datetime) -> int:
        """Count a PACS's refusals of one kind since a moment."""
        return (
            self._session.scalar(
                select(func.count())
                .select_from(RefusalRow)
                .where(RefusalRow.pacs == pacs, RefusalRow.kind == kind, RefusalRow.at >= since)
            )
            or 0
        )

    def count_aliens_since(self, pacs: str, since: datetime) -> int:
        """Count a PACS's alien objects since a moment, each once however often it was tried."""
        return (
            self._session.scalar(
                select(func.count(RefusalRow.keyed_hash.distinct())).where(
                    RefusalRow.pacs == pacs, RefusalRow.kind == "alien", RefusalRow.at >= since
                )
            )
            or 0
        )

    def refused_of(self, pacs: str, keyed_hashes: Sequence[str]) -> dict[str, str]:
        """Give why objects of a PACS were refused, by those of their hashes that are known."""
        found: dict[str, str] = {}
        for start in range(0, len(keyed_hashes), _AT_ONCE):
            some = keyed_hashes[start : start + _AT_ONCE]
            rows = self._session.execute(
                select(RefusalRow.keyed_hash, RefusalRow.kind)
                .where(RefusalRow.pacs == pacs, RefusalRow.keyed_hash.in_(some))
                .order_by(RefusalRow.refusal_id)
            )
            found.update((keyed_hash, kind) for keyed_hash, kind in rows)
        return found

    def newest(self, limit: int = 100) -> list[Refusal]:
        """List the newest refusals."""
        rows = self._session.scalars(select(RefusalRow).order_by(RefusalRow.at.desc()).limit(limit))
        return [
            Refusal(
                r.at,
                Caller(r.calling_ae, "", r.address, r.pacs),
                r.sop_class_uid,
                r.size,
                r.status,
                r.kind,
                r.reason,
                r.keyed_hash,
                r.content_hash,
            )
            for r in rows
        ]


def _object(row: ObjectRow) -> ReceivedObject:
    return ReceivedObject(
        row.sop_instance_uid,
        row.sop_class_uid,
        row.transfer_syntax_uid,
        row.content_hash,
        row.same_content,
        row.size,
        Caller(row.calling_ae, "", row.address, row.pacs),
        row.accession,
        row.received_at,
        row.state,
        row.reason,
        row.kind,
        row.reader,
        row.observed_at,
        row.image,
        Originator(row.originator, row.originator_message_id) if row.originator else None,
        row.part_of,
        row.read_by,
    )
