"""What one reader saved of one case, save by save: which came last, and which marks are one.

The marks of one reader on one image are the union over all that reader's saves: the same
TrackingUID, else the same geometry within a pixel, is one mark. Nothing is left out because a
newer save does not hold it, except by a document that names its predecessor; where a PACS
saves anew all that is drawn, what is missing from the newest save is asked about.

References
----------
DESIGN.md section 3 (revision); PS3.3 C.17.2 (Predecessor Documents); STANDARDS.md 1.5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pacs_bridge.domain.marks import NOT_A_LOCATION, Mark, ReadObject
from pacs_bridge.domain.reading import same_geometry

BESIDE = 5.0
"""A mark whose centre lies within this many pixels of another's box may be that one, moved."""


@dataclass(frozen=True)
class Save:
    """One object of a reader: what it says, where it was made and when it came.

    Parameters
    ----------
    key : str
        Names the object: its SOP Instance UID, or what we call an image that came back.
    arrival : int
        Grows with every object that arrives.
    workstation : str
        Where it was made, as far as is known; within one, the time of making orders saves.
    whole : bool
        Whether its PACS is known to save anew all that is drawn.
    """

    key: str
    read: ReadObject
    arrival: int
    received_at: datetime
    workstation: str = ""
    pacs: str = ""
    whole: bool = False

    @property
    def source(self) -> tuple[str, str]:
        """What makes saves comparable: one workstation, one kind of object."""
        return self.workstation, self.read.kind

    def holds_anything(self) -> bool:
        """Whether it is more than the state of a window that was saved by itself."""
        return bool(self.read.marks or self.read.breasts)

    def holds_marks(self) -> bool:
        """Whether anything is drawn in it."""
        return any(is_drawn(mark) for mark in self.read.marks)

    def covers(self, image: str) -> bool:
        """Whether it is about an image."""
        return image in self.read.referenced_images or any(
            mark.image == image for mark in self.read.marks
        )


def is_drawn(mark: Mark) -> bool:
    """Whether a mark is, or may be, a place that somebody drew."""
    return mark.shape != "TEXT" and bool(mark.points) and NOT_A_LOCATION not in mark.flags


def in_order(saves: Iterable[Save]) -> list[Save]:
    """Put saves into the order in which they were made, as far as that can be known.

    Within one workstation its own clock orders them; nothing compares two clocks, so that
    the order of arrival holds for all else.
    """
    arrived = sorted(saves, key=lambda save: save.arrival)
    ordered = list(arrived)
    for station in {save.workstation for save in arrived if save.workstation}:
        places = [n for n, save in enumerate(arrived) if save.workstation == station]
        timed = [n for n in places if arrived[n].read.observed_at is not None]
        if len({_is_zoned(arrived[n]) for n in timed}) != 1 or len(timed) != len(places):
            continue
        by_clock = sorted((arrived[n] for n in timed), key=_moment)
        for place, save in zip(places, by_clock, strict=True):
            ordered[place] = save
    return ordered


def _moment(save: Save) -> datetime:
    assert save.read.observed_at is not None
    return save.read.observed_at


def _is_zoned(save: Save) -> bool:
    return _moment(save).tzinfo is not None


def is_surely_later(later: Save, earlier: Save) -> bool:
    """Whether nothing speaks against one save's having been made after the other.

    Clocks of two workstations are not compared to order their saves, but where they
    contradict the order of arrival nobody can tell; nor can anybody at one and the same
    moment of one clock.
    """
    one, two = earlier.read.observed_at, later.read.observed_at
    if one is None or two is None or (one.tzinfo is None) != (two.tzinfo is None):
        return True
    if earlier.workstation == later.workstation:
        return one < two
    return one <= two


@dataclass
class Drawing:
    """One mark, with every save that holds it, in order of arrival."""

    key: str
    held: list[tuple[Save, Mark]] = field(default_factory=list)
    outline: Mark = field(init=False)

    def __post_init__(self) -> None:
        self.outline = self.held[0][1]

    def is_same(self, mark: Mark) -> bool:
        """Whether a mark is this one: by its TrackingUID, else by where it lies now."""
        if not is_on_one(self.outline, mark):
            return False
        tracked = any(each.tracking_uid == mark.tracking_uid for _, each in self.held)
        return (bool(mark.tracking_uid) and tracked) or same_geometry(self.outline, mark)

    def add(self, save: Save, mark: Mark) -> None:
        """Note that a save holds it; one that was moved lies where it lies now."""
        self.held.append((save, mark))
        if not same_geometry(self.outline, mark):
            self.outline = mark

    def is_held_by(self, save: Save) -> bool:
        """Whether a save holds it."""
        return any(each.key == save.key for each, _ in self.held)


def is_on_one(one: Mark, other: Mark) -> bool:
    """Whether two marks lie on one image and frame."""
    return one.image == other.image and (one.frame or 1) == (other.frame or 1)


def unite(saves: Sequence[Save]) -> list[Drawing]:
    """Unite what is drawn in several saves, each mark once, in order of arrival."""
    drawings: list[Drawing] = []
    for save in sorted(saves, key=lambda each: each.arrival):
        for mark in filter(is_drawn, save.read.marks):
            known = next((each for each in drawings if each.is_same(mark)), None)
            if known is None:
                drawings.append(Drawing(_key(mark, drawings), [(save, mark)]))
            else:
                known.add(save, mark)
    return drawings


def _key(mark: Mark, known: Sequence[Drawing]) -> str:
    """Name a mark by what is certain of it; a second of the same name gets a number."""
    place = mark.tracking_uid or [mark.shape, *((round(x, 2), round(y, 2)) for x, y in mark.points)]
    name = hashlib.sha256(repr((mark.image, mark.frame or 1, place)).encode()).hexdigest()[:16]
    taken = {each.key for each in known}
    number, key = 1, name
    while key in taken:
        number += 1
        key = f"{name}-{number}"
    return key


def replaced(saves: Sequence[Save]) -> dict[str, Save]:
    """Tell which saves another one replaces, because it names them as its predecessors."""
    here = {save.key for save in saves}
    return {
        uid: save
        for save in saves
        for uid in save.read.predecessors
        if uid in here and uid != save.key
    }


def was_taken_back(drawing: Drawing, replacing: dict[str, Save]) -> bool:
    """Whether only replaced documents hold a mark, and what replaces them holds marks."""
    return all(
        save.key in replacing and replacing[save.key].holds_marks() for save, _ in drawing.held
    )


def was_emptied(drawing: Drawing, replacing: dict[str, Save]) -> bool:
    """Whether only replaced documents hold a mark, and one that replaces them holds none."""
    return all(save.key in replacing for save, _ in drawing.held)


def has_vanished(drawing: Drawing, ordered: Sequence[Save], others: Sequence[Drawing]) -> bool:
    """Whether a save that ought to hold a mark, made after all that hold it, does not.

    It ought to where its PACS saves anew all that is drawn; and where it repeats another
    mark that an earlier save held on the same image, and so plainly saves anew.

    Parameters
    ----------
    ordered : sequence of Save
        All saves as `in_order` gives them.
    others : sequence of Drawing
        All marks.
    """
    place = {save.key: number for number, save in enumerate(ordered)}
    image = drawing.outline.image
    sources = {save.source for save, _ in drawing.held}
    last = max(place[save.key] for save, _ in drawing.held)
    beside = [each for each in others if each is not drawing and each.outline.image == image]
    for newer in ordered[last + 1 :]:
        if newer.source not in sources or not newer.covers(image):
            continue
        if newer.whole and newer.holds_anything():
            return True
        if any(_repeats(newer, place, each) for each in beside):
            return True
    return False


def _repeats(newer: Save, place: dict[str, int], drawing: Drawing) -> bool:
    """Whether a save holds a mark that an earlier one of its source held."""
    return drawing.is_held_by(newer) and any(
        save.source == newer.source and place[save.key] < place[newer.key]
        for save, _ in drawing.held
    )


def may_have_moved(drawing: Drawing, ordered: Sequence[Save], others: Sequence[Drawing]) -> bool:
    """Whether a later save of the same source draws a like mark right over this one."""
    place = {save.key: number for number, save in enumerate(ordered)}
    sources = {save.source for save, _ in drawing.held}
    last = max(place[save.key] for save, _ in drawing.held)
    for each in others:
        if each is drawing or each.outline.shape != drawing.outline.shape:
            continue
        first = min((save for save, _ in each.held), key=lambda save: place[save.key])
        later = place[first.key] > last and first.source in sources
        if later and is_on_one(each.outline, drawing.outline) and _beside(each, drawing):
            return True
    return False


def _beside(one: Drawing, other: Drawing) -> bool:
    x, y = one.outline.centre
    across = [point[0] for point in other.outline.points]
    down = [point[1] for point in other.outline.points]
    return (
        min(across) - BESIDE <= x <= max(across) + BESIDE
        and min(down) - BESIDE <= y <= max(down) + BESIDE
    )
