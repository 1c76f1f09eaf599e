"""Images of ours that a PACS sends back: whether one is ours to take, and what came before."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from pacs_bridge.db.repositories.audit import AuditTrail
from pacs_bridge.db.tables import all_tables
from pacs_bridge.db.tables.base import table_of
from pacs_bridge.db.tables.case_sets import CaseRow, CaseSetRow, InstanceRow
from pacs_bridge.db.tables.loads import LoadRow, PacsRow
from pacs_bridge.db.tables.objects import ObjectRow
from pacs_bridge.domain.caseset import Passport


@dataclass(frozen=True)
class ImageStanding:
    """How an image stands with us, before a byte of it has come.

    Parameters
    ----------
    pacs_is_open : bool
        Whether its PACS is registered and not paused.
    accession : str or None
        Of the case it belongs to; None where it stands in no passport of a set that was loaded
        into that PACS.
    kept : int
        How many contents of it are here that were told apart.
    """

    pacs_is_open: bool
    accession: str | None
    kept: int


@dataclass(frozen=True)
class ImageCopy:
    """One content of an image that came back.

    Parameters
    ----------
    key : str
        What we call the object.
    repeats : int
        How often the same content came again.
    is_settled : bool
        Whether it was judged: before, it lies under another name.
    """

    key: str
    image: str
    content_hash: str
    repeats: int
    is_settled: bool


class Images:
    """Asks about images by their own SOP Instance UID."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(self, pacs: str, sop_instance_uid: str) -> ImageStanding:
        """Tell how an image stands that this PACS sends."""
        row = (
            self._session.connection()
            .execute(_QUESTION, {"pacs": pacs, "uid": sop_instance_uid})
            .one()
        )
        return ImageStanding(bool(row[0]), row[1], row[2])

    def master(self, sop_instance_uid: str) -> str | None:
        """Give the content hash of the image as it was loaded; None where it has left us."""
        passports = self._session.execute(_PASSPORT, {"uid": sop_instance_uid}).scalars()
        for passport in passports:
            for case in passport["cases"]:
                for study in case["studies"]:
                    for series in study["series"]:
                        for image in series["instances"]:
                            if image["sop_instance_uid"] == sop_instance_uid:
                                return str(image["content_hash"])
        return None

    def find_same(self, image: str, same_content: str) -> str | None:
        """Find the kept object that is this image with this content; gives its key."""
        found: str | None = self._session.execute(
            _SAME, {"image": image, "same": same_content}
        ).scalar()
        return found

    def copies(self, image: str) -> list[ImageCopy]:
        """List the contents of an image that came back, the oldest first."""
        columns = (_object.c.sop_instance_uid, _object.c.content_hash)
        rows = self._session.execute(
            select(*columns, _object.c.repeats, _object.c.state)
            .where(_object.c.image == image)
            .order_by(_object.c.arrival)
        )
        return [ImageCopy(r[0], image, r[1], r[2], r[3] != "received") for r in rows]

    def settle(
        self, key: str, *, content_hash: str, same_content: str, state: str, reason: str
    ) -> None:
        """Note what an image that came back holds."""
        self._session.execute(
            update(_object)
            .where(_object.c.sop_instance_uid == key)
            .values(
                content_hash=content_hash,
                same_content=same_content,
                state=state,
                reason=reason,
            )
        )

    def remove(self, key: str) -> None:
        """Forget one that came with a content that is here."""
        self._session.execute(delete(_object).where(_object.c.sop_instance_uid == key))
        AuditTrail(self._session).forget_last_objects()

    def is_used(self, content_hash: str) -> bool:
        """Whether an object lies under this hash."""
        return (
            self._session.execute(
                select(_object.c.arrival).where(_object.c.content_hash == content_hash).limit(1)
            ).first()
            is not None
        )

    def named_files(self) -> set[str]:
        """List every name under which a row or a passport expects something in the archive."""
        names: set[str] = set()
        for table in all_tables().tables.values():
            if "content_hash" in table.c:
                names.update(self._session.execute(select(table.c.content_hash)).scalars())
        for passport in self._session.execute(select(_set.c.passport)).scalars():
            names.update(
                image.content_hash for *_, image in Passport.from_dict(passport).instances()
            )
        return names


_object, _load, _pacs = map(table_of, (ObjectRow, LoadRow, PacsRow))
_set, _case, _instance = map(table_of, (CaseSetRow, CaseRow, InstanceRow))

_QUESTION = select(
    select(func.count())
    .where(_pacs.c.name == bindparam("pacs"), _pacs.c.paused.is_(False))
    .scalar_subquery(),
    select(_instance.c.accession)
    .join(_case, _case.c.accession == _instance.c.accession)
    .join(_set, _set.c.case_set_id == _case.c.case_set_id)
    .join(_load, and_(_load.c.set_name == _set.c.name, _load.c.copy == _set.c.copy))
    .where(_instance.c.sop_instance_uid == bindparam("uid"), _load.c.pacs == bindparam("pacs"))
    .limit(1)
    .scalar_subquery(),
    select(func.count())
    .where(_object.c.image == bindparam("uid"), _object.c.state != "received")
    .scalar_subquery(),
)
"""Made once: for every image it is asked anew."""

_PASSPORT = (
    select(_set.c.passport)
    .join(_case, _case.c.case_set_id == _set.c.case_set_id)
    .join(_instance, _instance.c.accession == _case.c.accession)
    .where(_instance.c.sop_instance_uid == bindparam("uid"))
)
_SAME = (
    select(_object.c.sop_instance_uid)
    .where(
        _object.c.image == bindparam("image"),
        _object.c.same_content == bindparam("same"),
        _object.c.state != "received",
    )
    .limit(1)
)
