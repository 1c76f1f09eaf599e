"""Profiles of PACS, and search notes that were accepted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.asking import PacsProfileRow, SearchNoteRow
from pacs_bridge.domain.profile import UNKNOWN, QueryProfile


class Profiles:
    """What was learned about each PACS, by its name."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, pacs: str) -> QueryProfile:
        """Give what is known; an empty profile where nothing is."""
        row = self._session.get(PacsProfileRow, pacs)
        return UNKNOWN if row is None else QueryProfile.of_dict(row.learned)

    def put(self, pacs: str, profile: QueryProfile, now: datetime) -> None:
        """Keep what is known from now on."""
        row = self._session.get(PacsProfileRow, pacs) or PacsProfileRow(pacs=pacs)
        row.learned, row.learned_at = profile.as_dict(), now
        self._session.add(row)

    def forget(self, pacs: str) -> None:
        """Forget it: something else stands at that address now; its viewers are the same."""
        row = self._session.get(PacsProfileRow, pacs)
        if row is not None:
            known = QueryProfile.of_dict(row.learned)
            row.learned = QueryProfile(saves_whole=known.saves_whole).as_dict()


class SearchNotes:
    """Names that a contact has accepted for cases of a load."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def accept(self, load_id: int, accession: str, search_for: str, now: datetime) -> None:
        """Keep that readers search for a case under this name."""
        row = self._session.get(SearchNoteRow, (load_id, accession)) or SearchNoteRow(
            load_id=load_id, accession=accession
        )
        row.search_for, row.accepted_at = search_for, now
        self._session.add(row)
        self._session.flush()

    def of_load(self, load_id: int) -> dict[str, str]:
        """Give what each case is searched for as, by accession number."""
        rows = self._session.scalars(select(SearchNoteRow).where(SearchNoteRow.load_id == load_id))
        return {row.accession: row.search_for for row in rows}
