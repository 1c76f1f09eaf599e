"""What was read out of objects, and what of it is whose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.objects import MarkRow, ObjectRow, ReadObjectRow
from pacs_bridge.domain.identity import SHARED_LOGIN
from pacs_bridge.domain.marks import BreastDecision, Code, Mark, Observer, ReadObject, Share
from pacs_bridge.domain.reading import is_location
from pacs_bridge.domain.revision import Save

_IS_SOMEBODYS = (ObjectRow.state == "read", ObjectRow.reader.is_not(None))
"""What makes an object part of a reading: one that is looked into anew is none."""


class Marks:
    """What was read out of objects."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, read: ReadObject, *, accession: str, reader: str | None) -> None:
        """Keep all that was read out of one object, replacing an earlier reading of it.

        Every location becomes a row of its own; labels and notes stay with the object.
        """
        uid = read.sop_instance_uid
        self._session.execute(delete(MarkRow).where(MarkRow.object_uid == uid))
        row = self._session.get(ReadObjectRow, uid) or ReadObjectRow(object_uid=uid)
        row.body = asdict(read) | {
            "observed_at": read.observed_at.isoformat() if read.observed_at else None
        }
        self._session.add(row)
        self._session.add_all(
            MarkRow(
                object_uid=uid,
                reader=reader,
                accession=accession,
                image=mark.image,
                rating=mark.rating,
                body=asdict(mark),
            )
            for mark in read.marks
            if is_location(mark)
        )
        self._session.flush()

    def find(self, sop_instance_uid: str) -> ReadObject | None:
        """Give what was read out of an object; None where nothing was kept of it."""
        row = self._session.get(ReadObjectRow, sop_instance_uid)
        return None if row is None else read_from_json(row.body)

    def has_flag(self, sop_instance_uid: str, flag: str) -> bool:
        """Whether any mark that was read out of an object carries a flag."""
        row = self._session.get(ReadObjectRow, sop_instance_uid)
        return row is not None and any(flag in mark["flags"] for mark in row.body["marks"])

    def of_reading(self, reading_uid: str) -> list[ReadObject]:
        """List what was read out of the objects of one reading, in order of arrival."""
        return [save.read for save in self.saves_of([reading_uid]).get(reading_uid, ())]

    def saves_of(self, reading_uids: Iterable[str]) -> dict[str, list[Save]]:
        """List what a reader saved, by reading and in order of arrival.

        Whether a PACS saves anew all that is drawn is not known here.
        """
        rows = self._session.execute(
            select(ObjectRow, ReadObjectRow.body)
            .join(ReadObjectRow, ObjectRow.sop_instance_uid == ReadObjectRow.object_uid)
            .where(ObjectRow.reading_uid.in_(list(reading_uids)), *_IS_SOMEBODYS)
            .order_by(ObjectRow.arrival)
        )
        found: dict[str, dict[str, Save]] = {}
        for row, body in rows:
            saves, save = found.setdefault(row.reading_uid or "", {}), _save(row, body)
            came_in = row.part_of or save.key
            known = saves.get(came_in)  # two parts of one object that are one reader's are one
            saves[came_in] = save if known is None else _joined(known, save)
        return {uid: list(saves.values()) for uid, saves in found.items()}

    def of_others(self, pacs: str, master: str, reader: str) -> list[tuple[str, str, int, Mark]]:
        """List what other readers of a PACS marked: object, reader, place of arrival and mark.

        Parameters
        ----------
        master : str
            The case's accession number without a copy; its copies are meant, too.
        """
        rows = self._session.execute(
            select(MarkRow.object_uid, MarkRow.reader, ObjectRow.arrival, MarkRow.body)
            .join(ObjectRow, ObjectRow.sop_instance_uid == MarkRow.object_uid)
            .where(
                MarkRow.accession.between(master, f"{master}99"),
                MarkRow.reader.is_not(None),
                MarkRow.reader != reader,
                ObjectRow.pacs == pacs,
            )
        )
        return [(uid, whose or "", at, mark_from_json(body)) for uid, whose, at, body in rows]

    def arrival_of(self, sop_instance_uid: str) -> int:
        """Give the place of an object in the order of arrival."""
        return self._session.get_one(ObjectRow, sop_instance_uid).arrival

    def came_since(self, set_name: str, reader: str, since: datetime) -> dict[str, str]:
        """Give the readings of a reader and set that got objects since a moment, with the PACS."""
        rows = self._session.execute(
            select(ObjectRow.reading_uid, ObjectRow.pacs)
            .where(
                ObjectRow.reader == reader,
                ObjectRow.reading_uid.startswith(set_name, autoescape=True),
                ObjectRow.received_at >= since,
                ObjectRow.state == "read",
            )
            .order_by(ObjectRow.arrival)
        )
        return {uid or "": pacs or "" for uid, pacs in rows}

    def came_at(
        self, reading_uids: Iterable[str], end: datetime | None = None
    ) -> list[tuple[str, str, datetime]]:
        """List the objects of readings that came before an end: reading, object, and when."""
        query = select(
            ObjectRow.reading_uid, ObjectRow.sop_instance_uid, ObjectRow.received_at
        ).where(ObjectRow.reading_uid.in_(list(reading_uids)), *_IS_SOMEBODYS)
        if end is not None:
            query = query.where(ObjectRow.received_at < end)
        return [(reading or "", uid, at) for reading, uid, at in self._session.execute(query)]

    def known_readings(self, reading_uids: Iterable[str]) -> set[str]:
        """Give those of these readings that have objects."""
        return set(
            self._session.scalars(
                select(ObjectRow.reading_uid)
                .where(ObjectRow.reading_uid.in_(list(reading_uids)), *_IS_SOMEBODYS)
                .distinct()
            )
        )

    def count(self, *, set_name_prefix: str = "") -> int:
        """Count marks, of all cases or of those whose accession begins so."""
        query = select(func.count()).select_from(MarkRow)
        if set_name_prefix:
            query = query.where(MarkRow.accession.startswith(set_name_prefix, autoescape=True))
        return self._session.scalar(query) or 0

    def counts_by_reader(self) -> dict[tuple[str, str], int]:
        """Count marks by reader and kind of object."""
        rows = self._session.execute(
            select(ObjectRow.reader, ObjectRow.kind, func.count(MarkRow.mark_id))
            .join(MarkRow, MarkRow.object_uid == ObjectRow.sop_instance_uid)
            .where(ObjectRow.reader.is_not(None))
            .group_by(ObjectRow.reader, ObjectRow.kind)
        )
        return {(reader or "", kind): count for reader, kind, count in rows}


def _joined(one: Save, other: Save) -> Save:
    """One object of which a reader said two parts, as what was saved at once."""
    read = one.read
    return replace(
        one,
        read=replace(
            read,
            marks=(*read.marks, *other.read.marks),
            breasts=(*read.breasts, *other.read.breasts),
            predecessors=tuple(dict.fromkeys((*read.predecessors, *other.read.predecessors))),
        ),
    )


def _save(row: ObjectRow, body: dict[str, Any]) -> Save:
    read = read_from_json(body)
    station = read.observer.evidence.get("StationName") or row.calling_ae
    return Save(
        key=row.sop_instance_uid,
        read=read,
        arrival=row.arrival,
        received_at=row.received_at,
        workstation=f"{row.pacs or ''} {station}",
        pacs=row.pacs or "",
        rejected=row.rejected_by is not None,
        note=row.rejected_by or "",
        unsure=SHARED_LOGIN in read.observer.evidence,
    )


def read_from_json(body: dict[str, Any]) -> ReadObject:
    """Rebuild what was read out of an object."""
    moment = body.get("observed_at")
    return ReadObject(
        **{
            **body,
            "observed_at": datetime.fromisoformat(moment) if moment else None,
            "observer": Observer(**body["observer"]),
            "marks": tuple(map(mark_from_json, body["marks"])),
            "breasts": tuple(BreastDecision(**each) for each in body["breasts"]),
            **{k: tuple(body.get(k, ())) for k in _TUPLES},
            "others": tuple(
                Share(
                    Observer(**each["observer"]),
                    tuple(map(mark_from_json, each["marks"])),
                    tuple(BreastDecision(**breast) for breast in each["breasts"]),
                )
                for each in body.get("others", ())
            ),
        }
    )


_TUPLES = ("referenced_images", "referenced_studies", "predecessors", "rejects")


def mark_from_json(body: dict[str, Any]) -> Mark:
    """Rebuild a mark from its JSON form."""
    x, y = body["centre"]
    finding = body.get("finding")
    return Mark(
        **{
            **body,
            "points": tuple((px, py) for px, py in body["points"]),
            "centre": (x, y),
            "finding": Code(**finding) if finding else None,
            "flags": tuple(body["flags"]),
        }
    )


def marks_from_json(bodies: Iterable[dict[str, Any]]) -> tuple[Mark, ...]:
    """Rebuild several marks."""
    return tuple(map(mark_from_json, bodies))
