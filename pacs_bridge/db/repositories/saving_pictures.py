"""Pictures of how one saves in the viewer of a PACS."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from pacs_bridge.db.tables.who import SavingPictureRow


class SavingPictures:
    """One picture a PACS, as it was drawn anew."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, pacs: str) -> tuple[bytes, datetime] | None:
        """Give the picture (PNG), and when it was given."""
        row = self._session.get(SavingPictureRow, pacs)
        return None if row is None else (row.png, row.set_at)

    def put(self, pacs: str, png: bytes, now: datetime) -> None:
        """Keep the picture of a PACS; the one before is gone."""
        row = self._session.get(SavingPictureRow, pacs) or SavingPictureRow(pacs=pacs)
        row.png, row.set_at = png, now
        self._session.add(row)
        self._session.flush()

    def remove(self, pacs: str) -> None:
        """Keep none; again changes nothing."""
        row = self._session.get(SavingPictureRow, pacs)
        if row is not None:
            self._session.delete(row)
            self._session.flush()
