"""Checks whether the images of loads are intact."""

from __future__ import annotations

from sqlalchemy.orm import Session

from pacs_bridge.db.tables.intact import IntactRow
from pacs_bridge.domain.intact import Change, IntactCheck


class IntactChecks:
    """The last check of each load."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, check: IntactCheck) -> None:
        """Keep a check in place of the one before."""
        row = self._session.get(IntactRow, check.load_id) or IntactRow(load_id=check.load_id)
        row.compared, row.total, row.by = check.compared, check.total, check.by
        row.checked_at, row.note = check.checked_at, check.note[:500]
        row.changes = {change.name: count for change, count in check.changes.items()}
        row.sizes = {uid: list(size) for uid, size in check.sizes.items()}
        row.images = {uid: [c.name for c in found] for uid, found in check.images.items()}
        self._session.add(row)

    def find(self, load_id: int) -> IntactCheck | None:
        """Give the last check of a load."""
        row = self._session.get(IntactRow, load_id)
        if row is None:
            return None
        return IntactCheck(
            row.load_id,
            row.compared,
            row.total,
            row.by,
            row.checked_at,
            {Change[name]: count for name, count in row.changes.items()},
            {uid: [Change[name] for name in found] for uid, found in row.images.items()},
            row.note,
            {uid: (size[0], size[1]) for uid, size in row.sizes.items()},
        )
