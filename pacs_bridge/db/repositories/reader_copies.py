"""Whose the copies of a set are, and which image of the master each of theirs shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.reader_copies import CopiedImageRow, ReaderCopyRow
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.reader_copies import ReaderCopy

_AT_ONCE = 500


@dataclass(frozen=True)
class CopiedImage:
    """One image of a copy, as making its file anew needs it.

    Parameters
    ----------
    master : str
        SOP Instance UID of the master's image.
    content_hash : str
        SHA-256 of the copy's file.
    """

    sop_instance_uid: str
    set_name: str
    copy: int
    master: str
    content_hash: str
    size: int


class ReaderCopies:
    """Copies by set, PACS and reader; and their images."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def given(self, set_name: str, pacs: str) -> list[ReaderCopy]:
        """List every copy of a set that was ever given out at a PACS, by number."""
        rows = self._session.scalars(
            select(ReaderCopyRow)
            .where(ReaderCopyRow.set_name == set_name, ReaderCopyRow.pacs == pacs)
            .order_by(ReaderCopyRow.copy)
        )
        return [ReaderCopy(r.set_name, r.pacs, r.copy, r.reader) for r in rows]

    def owner(self, set_name: str, pacs: str, copy: int) -> str | None:
        """Tell whose one copy is at a PACS; None where it was given to nobody there."""
        row = self._session.get(ReaderCopyRow, (set_name, pacs, copy))
        return None if row is None else row.reader

    def of_reader(self, set_name: str, pacs: str, reader: str) -> int:
        """Tell which copy a reader has at a PACS; 0 where they have none of their own."""
        found: int | None = self._session.scalar(
            select(ReaderCopyRow.copy).where(
                ReaderCopyRow.set_name == set_name,
                ReaderCopyRow.pacs == pacs,
                ReaderCopyRow.reader == reader,
            )
        )
        return found or 0

    def give(self, copy: ReaderCopy, size: int, now: datetime, account_id: int | None) -> None:
        """Give a reader a copy, for good; giving it again changes nothing."""
        key = (copy.set_name, copy.pacs, copy.copy)
        if self._session.get(ReaderCopyRow, key) is not None:
            return
        self._session.add(
            ReaderCopyRow(
                set_name=copy.set_name,
                pacs=copy.pacs,
                copy=copy.copy,
                reader=copy.reader,
                size=size,
                agreed_at=now,
                account_id=account_id,
            )
        )
        self._session.flush()

    def keep_images(self, passport: Passport, masters: Mapping[str, str]) -> None:
        """Keep which image of the master each image of a copy shows; once is enough."""
        known = self.masters_of(masters)
        self._session.add_all(
            CopiedImageRow(
                sop_instance_uid=image.sop_instance_uid,
                set_name=passport.set_name,
                copy=passport.copy,
                master=masters[image.sop_instance_uid],
                content_hash=image.content_hash,
                size=image.size,
            )
            for *_, image in passport.instances()
            if image.sop_instance_uid not in known
        )
        self._session.flush()

    def masters_of(self, sop_instance_uids: Iterable[str]) -> dict[str, str]:
        """Give the master's image for each that is one of a copy; others are left out."""
        wanted, found = list(sop_instance_uids), dict[str, str]()
        for start in range(0, len(wanted), _AT_ONCE):
            rows = self._session.execute(
                select(CopiedImageRow.sop_instance_uid, CopiedImageRow.master).where(
                    CopiedImageRow.sop_instance_uid.in_(wanted[start : start + _AT_ONCE])
                )
            )
            found.update((row[0], row[1]) for row in rows)
        return found

    def by_content(self, content_hash: str) -> CopiedImage | None:
        """Find the image of a copy whose file has this hash."""
        row = self._session.scalar(
            select(CopiedImageRow).where(CopiedImageRow.content_hash == content_hash).limit(1)
        )
        if row is None:
            return None
        return CopiedImage(
            row.sop_instance_uid, row.set_name, row.copy, row.master, row.content_hash, row.size
        )
