"""A reading: everything one reader said about one case; and when it is whole.

Rules of DESIGN.md section 3: the marks of one reader on one image are the union over all
that reader's objects; marks with the same TrackingUID, or of the same geometry within one
pixel, are one mark, whatever kinds of object they came in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pacs_bridge.domain.marks import (
    NEEDS_CONFIRMATION,
    NOT_A_LOCATION,
    BreastDecision,
    Mark,
    ReadObject,
)
from pacs_bridge.domain.outlines import is_same_outline

SCALE = "uk-1-5"
"""Suspicion: 1 normal, 2 benign, 3 indeterminate, 4 suspicious, 5 highly suspicious."""

SAME_GEOMETRY = 1.0
"""Marks whose points all agree within this many pixels are one mark."""


@dataclass(frozen=True)
class Reading:
    """One reader's closed reading of one case, as it goes to scoring.

    Parameters
    ----------
    reading_uid : str
        The mark-set UID: the same for every revision of this reader and case.
    revision : int
        1 for the first; a later object makes the next.
    reader : str
        The reader's scheme code, never a name.
    accession : str
        The case, master name (without copy).
    exposed : bool
        Whether somebody else's objects may have led the reader; it is not counted as blinded.
    """

    reading_uid: str
    revision: int
    set_name: str
    accession: str
    reader: str
    marks: tuple[Mark, ...]
    breasts: tuple[BreastDecision, ...]
    sources: tuple[str, ...]
    closed_at: datetime
    scale: str = SCALE
    exposed: bool = False

    def as_payload(self) -> dict[str, Any]:
        """The JSON body of ``POST /v1/readings``."""
        marks = []
        for mark in self.marks:
            row = asdict(mark)
            row["points"] = [list(point) for point in mark.points]
            row["centre"] = list(mark.centre)
            row["flags"] = list(mark.flags)
            row.pop("item")
            row.pop("said_side")
            if mark.link is None:
                row.pop("link")
            row.pop("text")  # free text may name a person; the scorer needs none
            marks.append(row)
        flag = {"exposed": True} if self.exposed else {}
        return {
            **flag,
            "reading": self.reading_uid,
            "revision": self.revision,
            "set": self.set_name,
            "case": self.accession,
            "reader": self.reader,
            "scale": self.scale,
            "closed_at": self.closed_at.isoformat(),
            "marks": marks,
            "breasts": [asdict(breast) for breast in self.breasts],
            "sources": list(self.sources),
        }

    def essence(self) -> str:
        """Hash what the reader said, without when and in which objects.

        Two revisions with the same essence say the same: nothing new goes to scoring.
        """
        marks: list[list[Any]] = [
            [m.image, m.frame, m.shape, list(map(list, m.points)), m.rating, m.laterality]
            for m in self.marks
        ]
        for row, mark in zip(marks, self.marks, strict=True):
            row += _finding(mark)
        breasts = [asdict(breast) for breast in self.breasts]
        if self.exposed:
            breasts.append({"exposed": True})
        said: dict[str, Any] = {"marks": marks, "breasts": breasts, "case": self.accession}
        findings: dict[str, list[int]] = {}
        for place, mark in enumerate(self.marks):
            if mark.link:
                findings.setdefault(mark.link, []).append(place)
        if findings:
            said["findings"] = sorted(findings.values())
        return hash_payload(said)

    def content_hash(self) -> str:
        """SHA-256 over the canonical JSON of the payload, hexadecimal."""
        return hash_payload(self.as_payload())


UNCLASSIFIED = ("DCM", "111099")
"""Selected region (CID 6016): a finding that says no more than that something is there."""


def _finding(mark: Mark) -> list[str | None]:
    if mark.finding is None or (mark.finding.scheme, mark.finding.value) == UNCLASSIFIED:
        return [None, None]
    return [mark.finding.scheme, mark.finding.value]


def hash_payload(payload: dict[str, Any]) -> str:
    """SHA-256 of a JSON value in canonical form (sorted keys, no blanks), hexadecimal."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def name_in_report(reading_uid: str, revision: int) -> str:
    """Name a revision in a report of it (PS3.3 C.17.2: Completion Flag Description)."""
    return f"{reading_uid} {revision}"


def is_location(mark: Mark) -> bool:
    """Whether a mark points at tissue: has geometry and is no label, legend or outline.

    What only may be a mark, such as a blob of a bitmap, does not before a person confirms it.
    """
    if NOT_A_LOCATION in mark.flags or NEEDS_CONFIRMATION in mark.flags:
        return False
    return mark.shape != "TEXT" and bool(mark.points)


def same_mark(one: Mark, other: Mark) -> bool:
    """Whether two marks of one reader are the same mark (see the module)."""
    if one.image != other.image or (one.frame or 1) != (other.frame or 1):
        return False
    if one.tracking_uid and one.tracking_uid == other.tracking_uid:
        return True
    return same_geometry(one, other)


def same_geometry(one: Mark, other: Mark) -> bool:
    """Whether two marks of one image draw the same, to within `SAME_GEOMETRY` a point."""
    return one.shape == other.shape and is_same_outline(
        one.shape, one.points, other.points, SAME_GEOMETRY
    )


def join_marks(objects: Sequence[ReadObject]) -> tuple[Mark, ...]:
    """Unite the marks of several objects of one reader, oldest first, each mark once.

    Where two forms of one mark differ in what they say (rating, finding), the later
    saying wins and a later silence changes nothing.
    """
    joined: list[Mark] = []
    for mark in (mark for each in objects for mark in each.marks if is_location(mark)):
        for place, known in enumerate(joined):
            if same_mark(known, mark):
                joined[place] = replace(
                    known,
                    rating=mark.rating if mark.rating is not None else known.rating,
                    finding=mark.finding or known.finding,
                )
                break
        else:
            joined.append(mark)
    return tuple(joined)


def join_breasts(objects: Sequence[ReadObject]) -> tuple[BreastDecision, ...]:
    """Unite the decisions of several objects, oldest first: the later saying wins."""
    said: dict[str, BreastDecision] = {}
    for each in objects:
        for breast in each.breasts:
            before = said.get(breast.laterality)
            said[breast.laterality] = BreastDecision(
                breast.laterality,
                breast.decision or (before.decision if before else None),
                breast.rating if breast.rating is not None else (before.rating if before else None),
                breast.density or (before.density if before else None),
            )
    return tuple(said[side] for side in sorted(said, reverse=True))


def highest_rating(
    side: str, marks: Iterable[Mark], breasts: Iterable[BreastDecision]
) -> int | None:
    """The breast's rating: the highest given to it or to a mark on it; None when none was."""
    given = [b.rating for b in breasts if b.laterality == side and b.rating is not None]
    given += [m.rating for m in marks if m.laterality == side and m.rating is not None]
    return max(given, default=None)


def judge_closed(
    breasts: Iterable[BreastDecision], last_object_at: datetime, now: datetime, settle: timedelta
) -> bool:
    """Whether a reading is whole: both breasts decided, and silence for the settle time."""
    decided = {breast.laterality for breast in breasts if breast.decision is not None}
    return decided == {"R", "L"} and now - last_object_at >= settle
