"""How PACS keep readers apart: statements, sightings beside our images, exposures, turns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.isolation import (
    ExposureLiftRow,
    ExposureRow,
    IsolationRow,
    ReadingTurnRow,
    SightingRow,
    TurnWishRow,
)
from pacs_bridge.db.tables.objects import ObjectRow, ReadObjectRow
from pacs_bridge.domain.exposure import Exposure, Lift, Sighting
from pacs_bridge.domain.isolation import Statement, Step
from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.domain.turns import Turn

_AT_ONCE = 500  # identifiers in one question


class IsolationStatements:
    """What was found out and said of the isolation of PACS, in its order."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, statement: Statement) -> None:
        """Keep one more."""
        self._session.add(
            IsolationRow(
                pacs=statement.pacs,
                mode=statement.mode.value,
                step=statement.step.value,
                fingerprint=statement.fingerprint,
                set_name=statement.set_name,
                at=statement.at,
                body=dict(statement.body),
                account_id=statement.account_id,
            )
        )
        self._session.flush()

    def of_pacs(self, pacs: str) -> list[Statement]:
        """List all of a PACS, oldest first."""
        rows = self._session.scalars(
            select(IsolationRow)
            .where(IsolationRow.pacs == pacs)
            .order_by(IsolationRow.statement_id)
        )
        return [
            Statement(
                r.pacs,
                Isolation(r.mode),
                Step(r.step),
                r.fingerprint,
                r.set_name,
                r.at,
                r.body,
                r.account_id,
            )
            for r in rows
        ]


@dataclass(frozen=True)
class KnownObject:
    """An object that came about a case: whose it is, as far as that is known.

    Parameters
    ----------
    device : bool
        Whether it says that a program made it.
    """

    sop_instance_uid: str
    sop_class_uid: str
    accession: str
    pacs: str
    kind: str
    state: str
    reader: str | None
    received_at: datetime
    device: bool = False


class Sightings:
    """What was seen in our studies and is none of our images."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def see(self, sighting: Sighting) -> bool:
        """Keep an object that was seen; true where it was not known to be there."""
        row = self._session.get(SightingRow, (sighting.pacs, sighting.sop_instance_uid))
        if row is None:
            self._session.add(SightingRow(**vars(sighting)))
            self._session.flush()
            return True
        if row.gone_at is not None:  # it came back
            row.gone_at = None
            return True
        return False

    def arrived(self, sighting: Sighting) -> None:
        """Keep what came to us from a PACS: it was there then, however it is listed now."""
        row = self._session.get(SightingRow, (sighting.pacs, sighting.sop_instance_uid))
        if row is None:
            self._session.add(SightingRow(**vars(sighting)))
            self._session.flush()
        elif sighting.first_seen_at < row.first_seen_at:
            row.first_seen_at = sighting.first_seen_at

    def set_gone(self, pacs: str, uids: Iterable[str], now: datetime) -> None:
        """Note that objects were asked for and are not there any more."""
        for uid in uids:
            row = self._session.get(SightingRow, (pacs, uid))
            if row is not None and row.gone_at is None:
                row.gone_at = now

    def of_set(self, pacs: str, set_name: str) -> list[Sighting]:
        """List what was seen at a PACS in the studies of a set, oldest first."""
        rows = self._session.scalars(
            select(SightingRow)
            .where(SightingRow.pacs == pacs, SightingRow.set_name == set_name)
            .order_by(SightingRow.first_seen_at, SightingRow.sop_instance_uid)
        )
        return [
            Sighting(
                r.pacs,
                r.sop_instance_uid,
                r.set_name,
                r.copy,
                r.accession,
                r.study_instance_uid,
                r.series_instance_uid,
                r.sop_class_uid,
                r.modality,
                r.first_seen_at,
                r.gone_at,
            )
            for r in rows
        ]

    def came(self, pacs: str, accessions: Iterable[str]) -> list[KnownObject]:
        """List the objects that came from a PACS about cases, in order of arrival."""
        wanted = list(accessions)
        found: list[KnownObject] = []
        for start in range(0, len(wanted), _AT_ONCE):
            rows = self._session.execute(
                select(ObjectRow, ReadObjectRow.body)
                .outerjoin(ReadObjectRow, ReadObjectRow.object_uid == ObjectRow.sop_instance_uid)
                .where(
                    ObjectRow.pacs == pacs,
                    ObjectRow.accession.in_(wanted[start : start + _AT_ONCE]),
                    (ObjectRow.image.is_(None)) | (ObjectRow.kind == "overlay"),
                )
                .order_by(ObjectRow.arrival)
            )
            found += [
                KnownObject(
                    r.sop_instance_uid,
                    r.sop_class_uid,
                    r.accession or "",
                    r.pacs or "",
                    r.kind,
                    r.state,
                    r.reader,
                    r.received_at,
                    r.kind == "cad-sr" or bool(body and body["observer"]["device"]),
                )
                for r, body in rows
            ]
        return found


class Exposures:
    """Readings that somebody else's objects may have influenced; what staff lifted is told by."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, exposure: Exposure) -> bool:
        """Keep one; false where this reading is flagged already, and nobody lifted that."""
        row = self._session.get(ExposureRow, exposure.reading_uid)
        if row is not None and row.lifted_by is None:
            return False
        row = row or ExposureRow(reading_uid=exposure.reading_uid)
        for name, value in vars(exposure).items():
            setattr(row, name, value)
        row.objects, row.lifted_by = list(exposure.objects), None
        self._session.add(row)
        self._session.flush()
        return True

    def of_set(self, set_name: str, reader: str = "") -> dict[str, Exposure]:
        """List those of a set, or of one reader's, by reading; none that was lifted."""
        query = select(ExposureRow).where(
            ExposureRow.set_name == set_name, ExposureRow.lifted_by.is_(None)
        )
        if reader:
            query = query.where(ExposureRow.reader == reader)
        rows = self._session.scalars(query.order_by(ExposureRow.reading_uid))
        return {row.reading_uid: _exposure(row) for row in rows}

    def find(self, reading_uid: str) -> Exposure | None:
        """Give the flag of one reading; none that was lifted."""
        row = self._session.get(ExposureRow, reading_uid)
        return None if row is None or row.lifted_by is not None else _exposure(row)

    def lift(self, lift: Lift) -> int:
        """Keep that a flag was lifted; gives the number of the statement."""
        given = {name: value for name, value in vars(lift).items() if name != "lift_id"}
        row = ExposureLiftRow(**{**given, "objects": dict(lift.objects)})
        self._session.add(row)
        self._session.flush()
        self._session.get_one(ExposureRow, lift.reading_uid).lifted_by = row.lift_id
        self._session.flush()
        return row.lift_id

    def lifts_of(self, reading_uid: str) -> list[Lift]:
        """List what staff said of the flags of a reading, oldest first."""
        rows = self._session.scalars(
            select(ExposureLiftRow)
            .where(ExposureLiftRow.reading_uid == reading_uid)
            .order_by(ExposureLiftRow.lift_id)
        )
        return [_lift(row) for row in rows]

    def lifts_of_set(self, set_name: str, pacs: str) -> list[Lift]:
        """List what staff said of the flags of a set at a PACS, oldest first."""
        rows = self._session.scalars(
            select(ExposureLiftRow)
            .join(ExposureRow, ExposureRow.reading_uid == ExposureLiftRow.reading_uid)
            .where(ExposureRow.set_name == set_name, ExposureRow.pacs == pacs)
            .order_by(ExposureLiftRow.lift_id)
        )
        return [_lift(row) for row in rows]


def _lift(r: ExposureLiftRow) -> Lift:
    return Lift(
        r.reading_uid, r.at, r.because, r.flagged_at, r.words, dict(r.objects), r.account_id,
        r.lift_id,
    )  # fmt: skip


def _exposure(r: ExposureRow) -> Exposure:
    return Exposure(
        r.reading_uid, r.set_name, r.accession, r.reader, r.pacs, r.at, tuple(r.objects), r.words
    )


class ReadingTurns:
    """Whose turn it is at a PACS where one reader reads at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, turn: Turn) -> Turn:
        """Give a reader the turn."""
        row = ReadingTurnRow(**{**vars(turn), "turn_id": None, "left": dict(turn.left)})
        self._session.add(row)
        self._session.flush()
        return _turn(row)

    def wish(
        self, set_name: str, pacs: str, reader: str, now: datetime, account_id: int | None
    ) -> None:
        """Keep who is to have the next turn."""
        last = max((turn.turn_id for turn in self.at(set_name, pacs)), default=0)
        row = TurnWishRow(set_name=set_name, pacs=pacs, reader=reader, after_turn=last, at=now)
        row.account_id = account_id
        self._session.add(row)
        self._session.flush()

    def wished(self, set_name: str, pacs: str) -> str | None:
        """Give who was named last for the next turn; None where no turn is due by that."""
        row = self._session.scalar(
            select(TurnWishRow)
            .where(TurnWishRow.set_name == set_name, TurnWishRow.pacs == pacs)
            .order_by(TurnWishRow.wish_id.desc())
            .limit(1)
        )
        if row is None or any(
            turn.reader == row.reader and turn.turn_id > row.after_turn
            for turn in self.at(set_name, pacs)
        ):
            return None
        return row.reader

    def put(self, turn: Turn) -> None:
        """Keep how a turn stands."""
        row = self._session.get_one(ReadingTurnRow, turn.turn_id)
        row.ended_at, row.ended_by = turn.ended_at, turn.ended_by
        row.asked_at, row.gone_at, row.left = turn.asked_at, turn.gone_at, dict(turn.left)
        self._session.flush()

    def at(self, set_name: str, pacs: str) -> list[Turn]:
        """List the turns of a set at a PACS, oldest first."""
        rows = self._session.scalars(
            select(ReadingTurnRow)
            .where(ReadingTurnRow.set_name == set_name, ReadingTurnRow.pacs == pacs)
            .order_by(ReadingTurnRow.turn_id)
        )
        return [_turn(row) for row in rows]


def _turn(r: ReadingTurnRow) -> Turn:
    return Turn(
        r.turn_id,
        r.set_name,
        r.pacs,
        r.copy,
        r.reader,
        r.since,
        r.ended_at,
        r.ended_by,
        r.asked_at,
        r.gone_at,
        dict(r.left),
    )
