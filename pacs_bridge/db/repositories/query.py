"""Which case sets a PACS may see: those that were loaded into it, each copy for itself."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables import CaseSetRow, LoadRow
from pacs_bridge.domain.caseset import Passport


class VisibleSet(NamedTuple):
    """One copy of a case set that a PACS may see.

    Parameters
    ----------
    digest : str
        Of its manifest: what was read under this number and digest never changes.
    """

    case_set_id: int
    digest: str


class Visible:
    """Case sets as one PACS sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def sets(self, pacs: str) -> list[VisibleSet]:
        """List the sets loaded into a PACS, by name and copy."""
        rows = self._session.execute(
            select(CaseSetRow.case_set_id, CaseSetRow.digest)
            .join(LoadRow, and_(LoadRow.set_name == CaseSetRow.name,
                                LoadRow.copy == CaseSetRow.copy))
            .where(LoadRow.pacs == pacs)
            .order_by(CaseSetRow.name, CaseSetRow.copy)
        )  # fmt: skip
        return [VisibleSet(case_set_id, digest) for case_set_id, digest in rows]

    def passport(self, each: VisibleSet) -> Passport | None:
        """Read the manifest of a set; None where it was removed in between."""
        row = self._session.get(CaseSetRow, each.case_set_id)
        if row is None or row.digest != each.digest:
            return None
        return Passport.from_dict(row.passport)
