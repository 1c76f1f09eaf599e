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
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pacs_bridge.domain.marks import NOT_A_LOCATION, Mark, ReadObject
from pacs_bridge.domain.outlines import anchor_of
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
    whole : bool or None
        Whether its PACS saves anew all that is drawn; None where nobody knows.
    rejected : bool
        Whether its PACS says that it was taken out of use there.
    note : str
        The object with which it says so; empty where it does not.
    unsure : bool
        Whether it may be somebody else's, drawn on this reader's copy.
    """

    key: str
    read: ReadObject
    arrival: int
    received_at: datetime
    workstation: str = ""
    pacs: str = ""
    whole: bool | None = None
    rejected: bool = False
    note: str = ""
    unsure: bool = False

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


@dataclass(eq=False)
class Drawing:
    """One mark, with every save that holds it, in the order in which they were made."""

    held: list[tuple[Save, Mark]]
    number: int = 0
    outline: Mark = field(init=False)
    key: str = ""

    def __post_init__(self) -> None:
        self.outline = self.held[0][1]

    def is_held_by(self, save: Save) -> bool:
        """Whether a save holds it."""
        return any(each.key == save.key for each, _ in self.held)


def is_on_one(one: Mark, other: Mark) -> bool:
    """Whether two marks lie on one image and frame."""
    return one.image == other.image and (one.frame or 1) == (other.frame or 1)


class _Known:
    """Marks by what they are found by again: a TrackingUID, or about where they lie."""

    def __init__(self) -> None:
        self.drawings: list[Drawing] = []
        self._tracked: dict[tuple[object, ...], list[Drawing]] = {}
        self._about: dict[tuple[object, ...], list[Drawing]] = {}

    def tracked(self, mark: Mark, save: Save) -> list[Drawing]:
        """The marks of this TrackingUID that a save does not hold yet, wherever they lie now."""
        if not mark.tracking_uid:
            return []
        found = self._tracked.get((mark.image, mark.frame or 1, mark.tracking_uid), ())
        return [drawing for drawing in found if not drawing.is_held_by(save)]

    def lying_at(self, mark: Mark) -> Drawing | None:
        """The mark that lies where this one lies, within a pixel."""
        column, row = _cell(mark)
        near = (
            drawing
            for across in (column - 1, column, column + 1)
            for down in (row - 1, row, row + 1)
            for drawing in self._about.get((mark.image, mark.frame or 1, across, down), ())
        )
        found = [drawing for drawing in near if same_geometry(drawing.outline, mark)]
        return min(found, key=lambda drawing: drawing.number, default=None)

    def begin(self, save: Save, mark: Mark) -> None:
        """Note a mark that was not known."""
        drawing = Drawing([(save, mark)], number=len(self.drawings))
        self.drawings.append(drawing)
        self._note(drawing, mark)

    def add(self, drawing: Drawing, save: Save, mark: Mark) -> None:
        """Note that a save holds a mark; one that was moved lies where it lies now."""
        drawing.held.append((save, mark))
        if not same_geometry(drawing.outline, mark):
            self._cell_of(drawing).remove(drawing)
            drawing.outline = mark
            self._cell_of(drawing).append(drawing)
        self._track(drawing, mark)

    def _note(self, drawing: Drawing, mark: Mark) -> None:
        self._cell_of(drawing).append(drawing)
        self._track(drawing, mark)

    def _track(self, drawing: Drawing, mark: Mark) -> None:
        if mark.tracking_uid:
            place = (mark.image, mark.frame or 1, mark.tracking_uid)
            known = self._tracked.setdefault(place, [])
            known.extend([] if drawing in known else [drawing])

    def _cell_of(self, drawing: Drawing) -> list[Drawing]:
        mark = drawing.outline
        return self._about.setdefault((mark.image, mark.frame or 1, *_cell(mark)), [])


def _cell(mark: Mark) -> tuple[int, int]:
    """Square of two pixels in which a mark's anchor lies."""
    x, y = anchor_of(mark.shape, mark.points)
    return math.floor(x / 2), math.floor(y / 2)


def unite(ordered: Sequence[Save]) -> list[Drawing]:
    """Unite what is drawn in several saves, each mark once, in the order of the saves.

    What is tracked is found first: a mark that was moved makes room for a new one where it
    lay before. Several marks of one save that bear one TrackingUID are several all the same.
    """
    known = _Known()
    for save in ordered:
        drawn = [mark for mark in save.read.marks if is_drawn(mark)]
        moved = []
        for mark in drawn:
            same = (each for each in known.tracked(mark, save) if same_geometry(each.outline, mark))
            drawing = next(same, None)
            moved.append(mark) if drawing is None else known.add(drawing, save, mark)
        rest = []
        for mark in moved:
            drawing = next(iter(known.tracked(mark, save)), None)
            rest.append(mark) if drawing is None else known.add(drawing, save, mark)
        for mark in rest:
            drawing = known.lying_at(mark)
            known.begin(save, mark) if drawing is None else known.add(drawing, save, mark)
    drawings = known.drawings
    _name(drawings)
    return drawings


def _name(drawings: Sequence[Drawing]) -> None:
    """Name marks by their first form that arrived, which no later object changes."""
    taken: set[str] = set()
    for drawing in drawings:
        _, mark = min(drawing.held, key=lambda each: each[0].arrival)
        corners = [(round(x, 2), round(y, 2)) for x, y in mark.points]
        place = mark.tracking_uid or [mark.shape, *corners]
        said = repr((mark.image, mark.frame or 1, place)).encode()
        name = key = hashlib.sha256(said).hexdigest()[:16]
        number = 1
        while key in taken:
            number += 1
            key = f"{name}-{number}"
        taken.add(key)
        drawing.key = key


def replaced(saves: Sequence[Save]) -> dict[str, Save]:
    """Tell which saves another one replaces, because it names them as its predecessors.

    Documents that replace one another in a ring replace nothing.
    """
    here = {save.key for save in saves}
    claims: dict[str, list[Save]] = {}
    for save in saves:
        for uid in save.read.predecessors:
            if uid in here and uid != save.key:
                claims.setdefault(uid, []).append(save)
    return {
        uid: save
        for uid, claiming in claims.items()
        for save in claiming
        if not _leads_to(save.key, uid, claims)
    }


def _leads_to(uid: str, end: str, claims: dict[str, list[Save]]) -> bool:
    """Whether a document is replaced, by others too, by another one."""
    seen, waiting = {uid}, [uid]
    while waiting:
        new = {save.key for save in claims.get(waiting.pop(), ())} - seen
        if end in new:
            return True
        seen |= new
        waiting += new
    return False


def was_taken_back(drawing: Drawing, replacing: dict[str, Save]) -> bool:
    """Whether only replaced documents hold a mark, and what replaces them holds marks.

    What was itself taken out of use at its PACS has taken nothing back.
    """
    by = [replacing.get(save.key) for save, _ in drawing.held]
    return all(save is not None and save.holds_marks() and not save.rejected for save in by)


def was_emptied(drawing: Drawing, replacing: dict[str, Save]) -> bool:
    """Whether only replaced documents hold a mark, and one that replaces them holds none."""
    return all(save.key in replacing for save, _ in drawing.held)


def was_rejected(drawing: Drawing) -> bool:
    """Whether nothing holds a mark but what was taken out of use at its PACS."""
    return all(save.rejected for save, _ in drawing.held)


def is_unsure(drawing: Drawing) -> bool:
    """Whether nothing holds a mark but what may be somebody else's."""
    return all(save.unsure for save, _ in drawing.held)


class History:
    """Which save holds which mark, in the order in which the saves were made.

    Parameters
    ----------
    ordered : sequence of Save
        All saves as `in_order` gives them.
    drawings : sequence of Drawing
        All marks as `unite` gives them.
    """

    def __init__(self, ordered: Sequence[Save], drawings: Sequence[Drawing]) -> None:
        self._ordered = ordered
        self._place = {save.key: number for number, save in enumerate(ordered)}
        self._repeats: set[tuple[str, str]] = set()
        self._begun: dict[tuple[object, ...], list[tuple[int, Drawing]]] = {}
        for drawing in drawings:
            mark = drawing.outline
            seen: set[tuple[str, str]] = set()
            for save, _ in sorted(drawing.held, key=lambda each: self._place[each[0].key]):
                if save.source in seen:
                    self._repeats.add((save.key, mark.image))
                seen.add(save.source)
            first = min(self._place[save.key] for save, _ in drawing.held)
            where = (mark.image, mark.frame or 1, mark.shape)
            self._begun.setdefault(where, []).append((first, drawing))

    def has_vanished(self, drawing: Drawing) -> bool:
        """Whether a save that ought to hold a mark, made after all that do, does not.

        It ought to where its PACS saves anew all that is drawn; and, where nobody knows that,
        if it repeats another mark that an earlier save held on the same image.
        """
        image = drawing.outline.image
        sources = {save.source for save, _ in drawing.held}
        for newer in self._ordered[self._last(drawing) + 1 :]:
            if newer.source in sources and newer.covers(image):
                if newer.whole and newer.holds_anything():
                    return True
                if newer.whole is None and (newer.key, image) in self._repeats:
                    return True
        return False

    @property
    def saves_anew(self) -> bool:
        """Whether any save repeats a mark that an earlier one of its source held."""
        return bool(self._repeats)

    def may_have_moved(self, drawing: Drawing) -> bool:
        """Whether a later save of the same source draws a like mark right over this one."""
        mark, last = drawing.outline, self._last(drawing)
        begun = self._begun[mark.image, mark.frame or 1, mark.shape]
        sources = {save.source for save, _ in drawing.held}
        across, down = zip(*mark.points, strict=True)
        left, right = min(across) - BESIDE, max(across) + BESIDE
        top, bottom = min(down) - BESIDE, max(down) + BESIDE
        for first, each in begun if begun[-1][0] > last else ():
            x, y = each.outline.centre
            inside = left <= x <= right and top <= y <= bottom
            if inside and first > last and self._ordered[first].source in sources:
                return True
        return False

    def _last(self, drawing: Drawing) -> int:
        return max(self._place[save.key] for save, _ in drawing.held)
