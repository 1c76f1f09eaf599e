"""What PACS said that they took out of use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.rejections import RejectionRow


class Rejections:
    """Objects that a PACS rejects, by what it says; the first saying of each stays."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, pacs: str, uids: Iterable[str], note: str, now: datetime) -> None:
        """Keep that a PACS rejects these; said again it changes nothing."""
        for uid in dict.fromkeys(uids):
            if self._session.get(RejectionRow, (pacs, uid)) is None:
                self._session.add(RejectionRow(pacs=pacs, sop_instance_uid=uid, note=note, at=now))
        self._session.flush()

    def came_at(self, note: str) -> datetime | None:
        """Give when a note was looked into; None where nothing is kept of it."""
        return self._session.scalar(
            select(func.min(RejectionRow.at)).where(RejectionRow.note == note)
        )

    def note_of(self, pacs: str, *uids: str) -> str:
        """Name the note with which a PACS rejects one of these; empty where none does."""
        found = self._session.scalar(
            select(RejectionRow.note)
            .where(RejectionRow.pacs == pacs, RejectionRow.sop_instance_uid.in_(uids))
            .limit(1)
        )
        return found or ""
