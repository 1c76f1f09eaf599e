"""Handshakes on the practice case, log-ins, and reading sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from pacs_bridge.db.repositories.marks import read_from_json
from pacs_bridge.db.tables.objects import ObjectRow, ReadObjectRow
from pacs_bridge.db.tables.who import (
    FinishedCaseRow,
    HandshakeRow,
    PacsReadingRow,
    ReadingSessionRow,
    SharedLoginRow,
)
from pacs_bridge.domain.handshake import Counts, Handshake, HandshakeState, Proof
from pacs_bridge.domain.identity import normal
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.domain.reading_sessions import LONGEST, ReadingSession


class Handshakes:
    """Who was asked to draw what on the practice case, and what came of it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, handshake: Handshake) -> Handshake:
        """Keep a new one; gives it with its number."""
        row = HandshakeRow(
            set_name=handshake.set_name,
            reader=handshake.reader,
            pacs=handshake.pacs,
            accession=handshake.accession,
            code=list(handshake.code),
            issued_at=handshake.issued_at,
            expires_at=handshake.expires_at,
            state=handshake.state,
            settled_at=None,
            why="",
            proof=None,
            objects=[],
        )
        self._session.add(row)
        self._session.flush()
        return _handshake(row)

    def get(self, handshake_id: int) -> Handshake:
        """Give one; it is known to be there."""
        return _handshake(self._session.get_one(HandshakeRow, handshake_id))

    def newest_of(self, set_name: str, reader: str) -> Handshake | None:
        """Give a reader's newest handshake for a set."""
        return next(iter(self.of_reader(set_name, reader)), None)

    def of_reader(self, set_name: str, reader: str) -> list[Handshake]:
        """List a reader's handshakes for a set, newest first."""
        rows = self._session.scalars(
            select(HandshakeRow)
            .where(HandshakeRow.set_name == set_name, HandshakeRow.reader == reader)
            .order_by(HandshakeRow.handshake_id.desc())
        )
        return [_handshake(row) for row in rows]

    def at_pacs(
        self, pacs: str, state: HandshakeState | None = None, since: datetime | None = None
    ) -> list[Handshake]:
        """List those at a PACS, in one state or all, oldest first."""
        query = select(HandshakeRow).where(HandshakeRow.pacs == pacs)
        if state is not None:
            query = query.where(HandshakeRow.state == state)
        if since is not None:
            query = query.where(HandshakeRow.issued_at >= since)
        return [
            _handshake(row)
            for row in self._session.scalars(query.order_by(HandshakeRow.handshake_id))
        ]

    def overdue(self, now: datetime) -> list[Handshake]:
        """List the open ones whose time is over."""
        rows = self._session.scalars(
            select(HandshakeRow).where(
                HandshakeRow.state == HandshakeState.OPEN, HandshakeRow.expires_at <= now
            )
        )
        return [_handshake(row) for row in rows]

    def settle(
        self,
        handshake_id: int,
        state: HandshakeState,
        now: datetime,
        *,
        why: str = "",
        proof: Proof | None = None,
        objects: Iterable[str] = (),
    ) -> Handshake:
        """End one: proven with its objects, failed with the reason, or replaced."""
        row = self._session.get_one(HandshakeRow, handshake_id)
        row.state, row.settled_at, row.why = state, now, why[:500]
        row.proof, row.objects = None if proof is None else asdict(proof), list(objects)
        self._session.flush()
        return _handshake(row)

    def drawn_on(
        self, pacs: str, accession: str, since: datetime
    ) -> list[tuple[str, str, datetime, ReadObject]]:
        """List what was read of a practice case at a PACS, oldest first.

        Of each object its SOP Instance UID, the AE title that sent it, when it came, and what
        it says; also of those that hold no mark.
        """
        rows = self._session.execute(
            select(ObjectRow, ReadObjectRow.body)
            .join(ReadObjectRow, ReadObjectRow.object_uid == ObjectRow.sop_instance_uid)
            .where(
                ObjectRow.pacs == pacs,
                ObjectRow.accession == accession,
                ObjectRow.received_at >= since,
            )
            .order_by(ObjectRow.arrival)
        )
        return [
            (row.sop_instance_uid, row.calling_ae, row.received_at, read_from_json(body))
            for row, body in rows
        ]

    def station_of(self, object_uid: str) -> str:
        """Tell which workstation an object names; empty where it names none."""
        row = self._session.get(ReadObjectRow, object_uid)
        evidence = {} if row is None else row.body["observer"]["evidence"]
        return str(evidence.get("StationName", ""))

    def used(self, pacs: str) -> set[str]:
        """List the objects that have proven a handshake at a PACS."""
        rows = self._session.scalars(
            select(HandshakeRow.objects).where(
                HandshakeRow.pacs == pacs, HandshakeRow.state == HandshakeState.PROVEN
            )
        )
        return {uid for objects in rows for uid in objects}


class Logins:
    """What is known of the log-ins of a PACS, and how readers save there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def share(self, pacs: str, login: str, because: str, now: datetime) -> bool:
        """Note that a log-in is several people's; False where it was known."""
        key = (pacs, normal(login)[:64])
        if self._session.get(SharedLoginRow, key) is not None:
            return False
        self._session.add(SharedLoginRow(pacs=pacs, login=key[1], because=because[:200], at=now))
        self._session.flush()
        return True

    def unshare(self, pacs: str, login: str) -> bool:
        """Take that back; False where it was not noted."""
        row = self._session.get(SharedLoginRow, (pacs, normal(login)[:64]))
        if row is None:
            return False
        self._session.delete(row)
        self._session.flush()
        return True

    def shared(self, pacs: str) -> dict[str, str]:
        """List the log-ins that are several people's, in the form of `normal`, and why."""
        rows = self._session.scalars(select(SharedLoginRow).where(SharedLoginRow.pacs == pacs))
        return {row.login: row.because for row in rows}

    def set_reading(self, pacs: str, *, hint: str | None = None, logins: str | None = None) -> None:
        """Set how one saves in the viewer there, and whether each has a log-in of their own."""
        row = self._session.get(PacsReadingRow, pacs)
        row = row or PacsReadingRow(pacs=pacs, viewer_hint="", logins="unknown")
        row.viewer_hint = row.viewer_hint if hint is None else hint[:300]
        row.logins = row.logins if logins is None else logins
        self._session.add(row)
        self._session.flush()

    def reading(self, pacs: str) -> tuple[str, str]:
        """Give the viewer's hint and ``unknown``, ``own`` or ``shared`` log-ins of a PACS."""
        row = self._session.get(PacsReadingRow, pacs)
        return ("", "unknown") if row is None else (row.viewer_hint, row.logins)


class ReadingSessions:
    """Who said that they read, where and when."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, session: ReadingSession) -> int:
        """Keep a new one; gives its number."""
        row = ReadingSessionRow(
            set_name=session.set_name,
            reader=session.reader,
            pacs=session.pacs,
            workstation=session.workstation,
            opened_at=session.opened_at,
            closed_at=None,
        )
        self._session.add(row)
        self._session.flush()
        return row.session_id

    def close(self, session_id: int, now: datetime) -> None:
        """End one; the first end stays."""
        row = self._session.get_one(ReadingSessionRow, session_id)
        row.closed_at = row.closed_at or now
        self._session.flush()

    def finish(self, session_id: int, accession: str, now: datetime) -> None:
        """Note that a reader said a case to be finished; the first time stays."""
        if self._session.get(FinishedCaseRow, (session_id, accession)) is None:
            self._session.add(FinishedCaseRow(session_id=session_id, accession=accession, at=now))
            self._session.flush()

    def of_reader(self, reader: str, set_name: str = "") -> list[ReadingSession]:
        """List a reader's, newest first."""
        query = select(ReadingSessionRow).where(ReadingSessionRow.reader == reader)
        if set_name:
            query = query.where(ReadingSessionRow.set_name == set_name)
        rows = self._session.scalars(query.order_by(ReadingSessionRow.session_id.desc()))
        return self._sessions(rows.all())

    def covering(self, pacs: str, moment: datetime) -> list[ReadingSession]:
        """List those at a PACS that were open at a moment."""
        rows = self._session.scalars(
            select(ReadingSessionRow)
            .where(
                ReadingSessionRow.pacs == pacs,
                ReadingSessionRow.opened_at <= moment,
                ReadingSessionRow.opened_at >= moment - LONGEST,
                or_(ReadingSessionRow.closed_at.is_(None), ReadingSessionRow.closed_at >= moment),
            )
            .order_by(ReadingSessionRow.session_id)
        )
        return self._sessions(rows.all())

    def _sessions(self, rows: Sequence[ReadingSessionRow]) -> list[ReadingSession]:
        finished: dict[int, list[tuple[str, datetime]]] = {row.session_id: [] for row in rows}
        query = select(FinishedCaseRow).where(FinishedCaseRow.session_id.in_(finished))
        for done in self._session.scalars(query.order_by(FinishedCaseRow.at)):
            finished[done.session_id].append((done.accession, done.at))
        return [
            ReadingSession(
                row.session_id,
                row.set_name,
                row.reader,
                row.pacs,
                row.workstation,
                row.opened_at,
                row.closed_at,
                tuple(finished[row.session_id]),
            )
            for row in rows
        ]


def _handshake(row: HandshakeRow) -> Handshake:
    first, second, third, fourth = row.code
    code: Counts = (first, second, third, fourth)
    proof = None
    if row.proof is not None:
        body: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in row.proof.items()}
        proof = Proof(**body)
    return Handshake(
        row.handshake_id,
        row.set_name,
        row.reader,
        row.pacs,
        row.accession,
        code,
        row.issued_at,
        row.expires_at,
        HandshakeState(row.state),
        row.settled_at,
        row.why,
        proof,
    )
