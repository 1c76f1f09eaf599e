"""What was read out of one received object: marks, breast decisions, who and when.

The JSON form of `ReadObject` is a contract (`pacs-bridge marks read --json`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

Point = tuple[float, float]
"""x = column, y = row; continuous; (0.0, 0.0) is the top left corner of the first stored
pixel (PS3.3 C.10.5.1.2 and C.18.6.1.1)."""

Kind = Literal[
    "measurement-report",
    "cad-sr",
    "other-sr",
    "presentation-state",
    "key-object",
    "overlay",
    "not-marks",
]
Shape = Literal[
    "POINT", "CIRCLE", "ELLIPSE", "POLYLINE", "POLYGON", "INTERPOLATED", "TEXT", "BITMAP"
]
Laterality = Literal["R", "L"]
Decision = Literal["RTS", "RECALL", "TECH"]

NOT_A_LOCATION = "not-a-location"
"""Flag of a label position, reference point or anatomy outline: never enters a reading."""

NEEDS_CONFIRMATION = "needs-confirmation"
"""Flag of what may be a mark: enters no reading before a person says that it is one."""


@dataclass(frozen=True)
class Code:
    """A coded concept. Compare value and scheme, never the meaning."""

    value: str
    scheme: str
    meaning: str = ""


@dataclass(frozen=True)
class Mark:
    """One location a reader pointed at, with its rating.

    Parameters
    ----------
    image : str
        SOP Instance UID of the image it lies on.
    frame : int or None
        Frame number, 1-based; None for a single frame.
    points : tuple of (float, float)
        The object's own graphic data as pairs, in its order, never flattened.
    centre : (float, float)
        Centre of what the points draw.
    rating : int or None
        Suspicion on the scheme's scale, 1 (normal) to 5 (highly suspicious).
    item : str
        Path inside the object, so that a person can find it there.
    group : str or None
        The same for all parts of one mark.
    tracking_uid : str or None
        TrackingUID, where the object gives one.
    link : str or None
        The same for marks on several images that are one finding.
    said_side : {"R", "L"} or None
        The breast that a code beside it names, until its image has told which one it is.
    """

    image: str
    frame: int | None
    shape: Shape
    points: tuple[Point, ...]
    centre: Point
    finding: Code | None = None
    rating: int | None = None
    text: str = ""
    laterality: Laterality | None = None
    view: str | None = None
    item: str = ""
    group: str | None = None
    flags: tuple[str, ...] = ()
    tracking_uid: str | None = None
    link: str | None = None
    said_side: Laterality | None = None


@dataclass(frozen=True)
class BreastDecision:
    """What was decided of one breast. None means not said, never no."""

    laterality: Laterality
    decision: Decision | None
    rating: int | None = None
    density: str | None = None


@dataclass(frozen=True)
class Observer:
    """Who made an object, as far as it says; `evidence` keeps every attribute that spoke."""

    name: str | None = None
    login: str | None = None
    id: str | None = None
    device: bool = False
    evidence: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Share:
    """What one further person, or a device, says in an object that several made.

    Parameters
    ----------
    observer : Observer
        Whom the nearest observation context names, and nobody else.
    """

    observer: Observer
    marks: tuple[Mark, ...] = ()
    breasts: tuple[BreastDecision, ...] = ()

    @property
    def person(self) -> str:
        """What tells this one from the others of the same object, and in its next version."""
        facts = {key: said for key, said in self.observer.evidence.items() if key != "StationName"}
        return repr(sorted(facts.items()))


@dataclass(frozen=True)
class ReadObject:
    """Everything read out of one object. `refused` says in one sentence why nothing could be.

    Parameters
    ----------
    marks, breasts
        What `observer`, whom the whole object names, says.
    others : tuple of Share
        What somebody else says, whom a part of the object names; in no case the observer's.
    rejects : tuple of str
        SOP Instance UIDs of what was taken out of use where the object comes from (IOCM).
    """

    sop_class_uid: str
    sop_instance_uid: str
    kind: Kind
    observer: Observer = field(default_factory=Observer)
    observed_at: datetime | None = None
    marks: tuple[Mark, ...] = ()
    breasts: tuple[BreastDecision, ...] = ()
    referenced_images: tuple[str, ...] = ()
    referenced_studies: tuple[str, ...] = ()
    predecessors: tuple[str, ...] = ()
    refused: str | None = None
    others: tuple[Share, ...] = ()
    rejects: tuple[str, ...] = ()

    def every_mark(self) -> tuple[Mark, ...]:
        """All marks of the object, whoever made them: the observer's first."""
        return (*self.marks, *(mark for share in self.others for mark in share.marks))

    def as_json(self, file: str) -> dict[str, Any]:
        """The contract's form of it, for one file: `others` tells which marks are whose."""
        marks, others, place = [], [], len(self.marks)
        for share in self.others:
            others.append(
                {
                    "observer": asdict(share.observer),
                    "marks": list(range(place, place + len(share.marks))),
                    "breasts": [asdict(breast) for breast in share.breasts],
                }
            )
            place += len(share.marks)
        for mark in self.every_mark():
            row = asdict(mark)
            del row["tracking_uid"], row["said_side"]
            if mark.link is None:
                del row["link"]
            row["finding"] = row["finding"] or {"value": "", "scheme": "", "meaning": ""}
            row["points"] = [list(point) for point in mark.points]
            row["centre"] = list(mark.centre)
            row["flags"] = list(mark.flags)
            marks.append(row)
        return {
            "file": file,
            "sop_class_uid": self.sop_class_uid,
            "sop_instance_uid": self.sop_instance_uid,
            "kind": self.kind,
            "observer": asdict(self.observer),
            "observed_at": self.observed_at.isoformat() if self.observed_at else None,
            "marks": marks,
            "breasts": [asdict(breast) for breast in self.breasts],
            "refused": self.refused,
            **({"others": others} if others else {}),
        }
