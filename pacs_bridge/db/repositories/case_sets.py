"""Case sets and truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.case_sets import CaseRow, CaseSetRow, InstanceRow, TruthRow
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import NotFound
from pacs_bridge.domain.identifiers import REHEARSAL, CaseName


@dataclass(frozen=True)
class KnownCase:
    """A case of ours that an object or query named."""

    accession: str
    master: str
    set_name: str
    number: int
    kind: str


@dataclass(frozen=True)
class KnownImage:
    """An image of ours, as far as placing a mark needs it."""

    sop_instance_uid: str
    accession: str
    laterality: str
    view: str
    rows: int
    columns: int
    frames: int


@dataclass(frozen=True)
class CaseSetLine:
    """A case set in a list."""

    name: str
    copy: int
    title: str
    created_at: datetime
    digest: str
    cases: int
    images: int


_case = CaseRow.__table__.c
_instance = InstanceRow.__table__.c
_NAMED_BY = (
    select(_case.accession, _case.master, _case.set_name, _case.number, _case.kind)
    .where(
        or_(
            _case.accession.in_(
                select(_instance.accession).where(
                    or_(
                        _instance.study_instance_uid.in_(bindparam("studies", expanding=True)),
                        _instance.sop_instance_uid.in_(bindparam("images", expanding=True)),
                    )
                )
            ),
            _case.accession == bindparam("accession"),
        )
    )
    .order_by(_case.accession)
)
"""Made once: for every received object it is asked anew."""


class CaseSets:
    """Case sets with their signed passports."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, passport: Passport) -> None:
        """Keep a signed passport and index its cases and images.

        Adding the same manifest again changes nothing.
        """
        if self.find(passport.set_name, passport.copy) is not None:
            return
        row = CaseSetRow(
            name=passport.set_name,
            copy=passport.copy,
            title=passport.title,
            created_at=passport.created_at,
            digest=passport.digest(),
            passport=passport.as_dict(),
        )
        self._session.add(row)
        self._session.flush()
        for case in passport.cases:
            name = CaseName.parse(case.accession)
            master = str(CaseName(name.set_name, name.number))
            self._session.add(
                CaseRow(
                    accession=case.accession,
                    case_set_id=row.case_set_id,
                    master=master,
                    set_name=passport.set_name,
                    number=case.number,
                    kind=case.kind,
                )
            )
        self._session.flush()
        self._session.add_all(
            InstanceRow(
                sop_instance_uid=image.sop_instance_uid,
                accession=case.accession,
                study_instance_uid=study.study_instance_uid,
                laterality=image.laterality,
                view=image.view,
                rows=image.rows,
                columns=image.columns,
                frames=image.frames,
            )
            for case, study, _series, image in passport.instances()
        )

    def find(self, set_name: str, copy: int = 0) -> Passport | None:
        """Look a passport up; None where there is none."""
        row = self._session.scalar(
            select(CaseSetRow).where(CaseSetRow.name == set_name, CaseSetRow.copy == copy)
        )
        return None if row is None else Passport.from_dict(row.passport)

    def get(self, set_name: str, copy: int = 0) -> Passport:
        """Look a passport up; raises `NotFound` where there is none."""
        passport = self.find(set_name, copy)
        if passport is None and copy and self.find(set_name) is not None:
            raise NotFound(
                f"Copy {copy:02d} of {set_name} has not been made; `load copies {set_name} PACS` "
                "shows who has which."
            )
        if passport is None:
            raise NotFound(f"There is no case set {set_name}; `case-set list` shows what there is.")
        return passport

    def remove(self, set_name: str, copy: int = 0) -> None:
        """Forget a set, its cases and images."""
        found = select(CaseSetRow.case_set_id).where(
            CaseSetRow.name == set_name, CaseSetRow.copy == copy
        )
        cases = select(CaseRow.accession).where(CaseRow.case_set_id.in_(found))
        self._session.execute(delete(InstanceRow).where(InstanceRow.accession.in_(cases)))
        self._session.execute(delete(CaseRow).where(CaseRow.case_set_id.in_(found)))
        self._session.execute(
            delete(CaseSetRow).where(CaseSetRow.name == set_name, CaseSetRow.copy == copy)
        )

    def lines(self) -> list[CaseSetLine]:
        """List all sets but that of rehearsals, by name."""
        images = dict(
            self._session.execute(
                select(CaseRow.case_set_id, func.count())
                .join(InstanceRow, InstanceRow.accession == CaseRow.accession)
                .group_by(CaseRow.case_set_id)
            ).all()
        )
        cases = dict(
            self._session.execute(
                select(CaseRow.case_set_id, func.count()).group_by(CaseRow.case_set_id)
            ).all()
        )
        rows = self._session.scalars(
            select(CaseSetRow)
            .where(CaseSetRow.name != str(REHEARSAL))
            .order_by(CaseSetRow.name, CaseSetRow.copy)
        )
        return [
            CaseSetLine(
                r.name,
                r.copy,
                r.title,
                r.created_at,
                r.digest,
                cases.get(r.case_set_id, 0),
                images.get(r.case_set_id, 0),
            )
            for r in rows
        ]

    def case(self, accession: str) -> KnownCase | None:
        """Look a case up by its exact accession number."""
        row = self._session.get(CaseRow, accession)
        return None if row is None else _known(row)

    def cases_named_by(
        self, *, studies: Iterable[str] = (), images: Iterable[str] = (), accession: str = ""
    ) -> list[KnownCase]:
        """Find the cases of ours that any of these identifiers name."""
        self._session.flush()
        rows = self._session.connection().execute(
            _NAMED_BY,
            {
                "studies": list(studies)[:500],
                "images": list(images)[:500],
                "accession": accession,
            },
        )
        return [KnownCase(*row) for row in rows]

    def images(self, sop_instance_uids: Iterable[str]) -> dict[str, KnownImage]:
        """Look images up by SOP Instance UID; unknown ones are left out."""
        wanted = list(sop_instance_uids)
        found: dict[str, KnownImage] = {}
        for start in range(0, len(wanted), 500):
            for row in self._session.scalars(
                select(InstanceRow).where(
                    InstanceRow.sop_instance_uid.in_(wanted[start : start + 500])
                )
            ):
                found[row.sop_instance_uid] = _known_image(row)
        return found

    def images_of(self, accession: str) -> list[KnownImage]:
        """List the images of a case: by view, the right breast first."""
        rows = self._session.scalars(
            select(InstanceRow)
            .where(InstanceRow.accession == accession)
            .order_by(InstanceRow.view, InstanceRow.laterality.desc(), InstanceRow.sop_instance_uid)
        )
        return [_known_image(row) for row in rows]


def _known_image(row: InstanceRow) -> KnownImage:
    return KnownImage(
        row.sop_instance_uid,
        row.accession,
        row.laterality,
        row.view,
        row.rows,
        row.columns,
        row.frames,
    )


def _known(row: CaseRow) -> KnownCase:
    return KnownCase(row.accession, row.master, row.set_name, row.number, row.kind)


@dataclass(frozen=True)
class TruthVersion:
    """One version of a set's truth, as it goes to the scorer."""

    set_name: str
    version: int
    digest: str
    payload: dict[str, Any]
    delivered_at: datetime | None


class Truths:
    """Versions of each set's truth; none is ever changed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def latest(self, set_name: str) -> TruthVersion | None:
        """Give the newest version, if any."""
        row = self._session.scalar(
            select(TruthRow)
            .where(TruthRow.set_name == set_name)
            .order_by(TruthRow.version.desc())
            .limit(1)
        )
        return None if row is None else _version(row)

    def get(self, set_name: str, version: int) -> TruthVersion | None:
        """Give one version, if there is."""
        row = self._session.get(TruthRow, (set_name, version))
        return None if row is None else _version(row)

    def add(
        self, set_name: str, version: int, digest: str, payload: dict[str, Any], now: datetime
    ) -> None:
        """Keep a new version."""
        self._session.add(
            TruthRow(
                set_name=set_name,
                version=version,
                digest=digest,
                payload=payload,
                created_at=now,
                delivered_at=None,
            )
        )

    def set_delivered(self, set_name: str, version: int, now: datetime) -> None:
        """Note that the scorer has it."""
        row = self._session.get(TruthRow, (set_name, version))
        if row is not None:
            row.delivered_at = now


def _version(row: TruthRow) -> TruthVersion:
    return TruthVersion(row.set_name, row.version, row.digest, row.payload, row.delivered_at)
