"""Which case sets a PACS may see: those that were loaded into it, each copy for itself."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.case_sets import CaseSetRow
from pacs_bridge.db.tables.loads import LoadRow
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.loading import LEAVING


class VisibleSet(NamedTuple):
    """One copy of a case set that a PACS may see.

    Parameters
    ----------
    digest : str
        Of its manifest: what was read under this number and digest never changes.
    """

    case_set_id: int
    digest: str


_sets, _loads = CaseSetRow.__table__, LoadRow.__table__
_VISIBLE = (
    select(_sets.c.case_set_id, _sets.c.digest)
    .select_from(
        _sets.join(_loads, (_loads.c.set_name == _sets.c.name) & (_loads.c.copy == _sets.c.copy))
    )
    .where(_loads.c.pacs == bindparam("pacs"), _loads.c.readiness.not_in(LEAVING))
    .order_by(_sets.c.name, _sets.c.copy)
)


class Visible:
    """Case sets as one PACS sees them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def sets(self, pacs: str) -> list[VisibleSet]:
        """List the sets loaded into a PACS, by name and copy."""
        self._session.flush()
        # each question of a PACS begins here: rows that are no objects come in half the time
        rows = self._session.connection().execute(_VISIBLE, {"pacs": pacs}).all()
        return list(map(VisibleSet._make, rows))

    def passport(self, each: VisibleSet) -> Passport | None:
        """Read the manifest of a set; None where it was removed in between."""
        row = self._session.get(CaseSetRow, each.case_set_id)
        if row is None or row.digest != each.digest:
            return None
        return Passport.from_dict(row.passport)
