"""What must be known of an object before a byte of it may be kept, asked in one question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    Select,
    bindparam,
    false,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from pacs_bridge.db.repositories.case_sets import KnownCase
from pacs_bridge.db.tables.base import table_of
from pacs_bridge.db.tables.case_sets import CaseRow, InstanceRow
from pacs_bridge.db.tables.loads import PacsRow
from pacs_bridge.db.tables.objects import ObjectRow

_AT_ONCE = 500  # identifiers in one question


@dataclass(frozen=True)
class Standing:
    """How an object stands with us.

    Parameters
    ----------
    pacs_is_open : bool
        Whether its PACS is registered and not paused.
    same_content : str or None
        The digest of the object that is here under its UID.
    cases : tuple of KnownCase
        The cases of ours that it names in any way; none makes it an alien.
    """

    pacs_is_open: bool
    same_content: str | None
    cases: tuple[KnownCase, ...]


class Standings:
    """Asks about PACS, UID and cases at once: three questions would cost three times as much."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(
        self,
        pacs: str,
        sop_instance_uid: str,
        *,
        studies: Sequence[str],
        images: Sequence[str],
        accession: str,
    ) -> Standing:
        """Tell how an object stands, which names these studies, images and accession number."""
        self._session.flush()
        connection = self._session.connection()
        is_open, same_content, cases = False, None, {}
        for some_studies, some_images in zip_longest(
            _in_parts(studies), _in_parts(images), fillvalue=()
        ):
            rows = connection.execute(
                _QUESTION,
                {
                    "pacs": pacs,
                    "uid": sop_instance_uid,
                    "studies": some_studies,
                    "images": some_images,
                    "accession": accession,
                },
            )
            for what, text, *rest in rows:
                if what == _CASE:
                    cases[text] = KnownCase(text, *rest)
                elif what == _KNOWN:
                    same_content = text
                else:
                    is_open = True
        return Standing(is_open, same_content, tuple(cases[name] for name in sorted(cases)))


def _in_parts(uids: Sequence[str]) -> list[Sequence[str]]:
    """Cut into parts, at least one."""
    return [uids[start : start + _AT_ONCE] for start in range(0, max(1, len(uids)), _AT_ONCE)]


_OPEN, _KNOWN, _CASE = 0, 1, 2
_NOTHING: tuple[Any, ...] = tuple(map(literal_column, ("''", "''", "''", "0", "''")))


def _row(what: int, *columns: Any) -> Select[Any]:
    """Begin one part of the question; all parts have six columns."""
    return select(literal_column(str(what)), *columns, *_NOTHING[len(columns) :])


def _question() -> Any:
    pacs, known = table_of(PacsRow).c, table_of(ObjectRow).c
    case, image = table_of(CaseRow).c, table_of(InstanceRow).c
    of_images = select(image.accession).where(
        or_(
            image.study_instance_uid.in_(bindparam("studies", expanding=True)),
            image.sop_instance_uid.in_(bindparam("images", expanding=True)),
        )
    )
    return union_all(
        _row(_OPEN).where(pacs.name == bindparam("pacs"), pacs.paused == false()),
        _row(_KNOWN, known.same_content).where(known.sop_instance_uid == bindparam("uid")),
        _row(_CASE, case.accession, case.master, case.set_name, case.number, case.kind).where(
            or_(case.accession.in_(of_images), case.accession == bindparam("accession"))
        ),
    )


_QUESTION = _question()
"""Made once: for every received object it is asked anew."""
