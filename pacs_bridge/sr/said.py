"""What a report says of its coordinates: finding, rating, text, tracking, side.

References
----------
PS3.16 TID 1410, 1501, 4006, 4019; STANDARDS.md 4.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pacs_bridge.domain.marks import NOT_A_LOCATION, Code, Laterality
from pacs_bridge.sr import codes, elements
from pacs_bridge.sr.described import speaks_for_itself
from pacs_bridge.sr.notes import flags_of, parse_note
from pacs_bridge.sr.site_words import SiteWords
from pacs_bridge.sr.spoken import is_note
from pacs_bridge.sr.tree import DRAWN, Node


@dataclass(frozen=True)
class Said:
    """What a group says of its marks; codes speak before the note in its texts does.

    Parameters
    ----------
    link : str or None
        Names the group where it is of one finding and draws it several times.
    side : {"R", "L"} or None
        The one breast that its codes name.
    several : bool
        Whether it describes several coordinates, of which each may say more of itself.
    encloses : bool
        Whether an area was measured, so that a line encloses what it shows, closed or not.
    """

    group: str | None
    tracking_uid: str | None
    finding: Code | None
    rating: int | None
    text: str
    flags: tuple[str, ...]
    link: str | None = None
    side: Laterality | None = None
    several: bool = False
    encloses: bool = False


def said_of(holder: Node, words: SiteWords, *, alone: bool = False, machine: bool = False) -> Said:
    """Collect what the holder says of its marks; of nested groups each says its own.

    Parameters
    ----------
    alone : bool
        Whether the holder is the coordinates themselves, and so no group of several.
    machine : bool
        Whether the whole report is a machine's.
    """
    several = sum(each.value_type in DRAWN for each in holder.walk()) > 1
    heard = _Heard(words)
    for each in (holder, *own(holder, into_coordinates=not several)):
        heard.take(each)
    return heard.said(holder, several=several, alone=alone, machine=machine)


class _Heard:
    """What the items of one holder say, heard one after another."""

    def __init__(self, words: SiteWords) -> None:
        self._words = words
        self._tracking_uid = ""
        self._findings: dict[tuple[str, str], Code] = {}
        self._ratings: set[int] = set()
        self._texts: list[str] = []
        self._beside: list[str] = []
        self._sides: set[Laterality] = set()
        self._by_device = self._by_person = self._encloses = self._is_hidden = False

    def take(self, node: Node) -> None:
        """Hear one item."""
        name = node.name
        if name == codes.TRACKING_UID and not self._tracking_uid:
            self._tracking_uid = elements.uid(node.item, "UID")
        elif name == codes.SUSPICION and (value := _rating_of(node)) is not None:
            self._ratings.add(value)
        elif node.value_type == "TEXT" and is_note(node, self._words):
            self._texts.append(node.said())
        elif name in codes.CERTAINTIES:
            self._beside.append(_measured(node))
        elif name == codes.AREA:
            self._encloses = True
        elif name == codes.ALGORITHM_NAME:
            self._by_device = True
        elif name in codes.PERSONS:
            self._by_person = True
        elif node.value_type == "CODE" and (code := node.value_code) is not None:
            self._take_code(name, code)

    def _take_code(self, name: tuple[str, str], code: Code) -> None:
        key = codes.key(code)
        if code.value in codes.FREE_TEXT_VALUES:
            self._texts.append(code.meaning)
        elif name == codes.ASSESSMENT or codes.is_birads(code):
            category = codes.BIRADS.get(key)
            self._beside.append(f"BI-RADS: {category or code.meaning or code.value}")
        elif name in codes.FINDINGS:
            self._findings[key] = codes.canonical(code)
        elif key in codes.RATINGS:
            self._ratings.add(codes.RATINGS[key])
        elif name == codes.OBSERVER_TYPE:
            self._by_device = self._by_device or key == codes.DEVICE
        elif name == codes.RENDERING_INTENT:
            self._is_hidden = self._is_hidden or key == codes.NOT_FOR_PRESENTATION
        elif name in (codes.FINDING_SITE, codes.LATERALITY):
            self._sides.update(codes.SIDES.get(key, ()))

    def said(self, holder: Node, *, several: bool, alone: bool, machine: bool) -> Said:
        """Sum up; codes speak before the note that the texts are."""
        written = "\n".join(filter(None, self._texts))[: elements.LONGEST_TEXT]
        note = parse_note(written, self._words)
        ratings, findings = self._ratings, self._findings
        is_group = holder.name == codes.MEASUREMENT_GROUP or holder.name in codes.FINDINGS
        is_list = not (is_group or ratings or findings or written)  # nothing in common
        shared = (several or holder.name == codes.SINGLE_IMAGE_FINDING) and not (alone or is_list)
        # A code goes before the note: its rating leaves nothing to ask about the note's.
        about_rating = ("rating-conflict", "side-or-scale") if ratings else ()
        asked = [flag for flag in flags_of([note]) if flag not in about_rating]
        return Said(
            group=self._tracking_uid or (holder.where() if shared else None),
            tracking_uid=self._tracking_uid or None,
            finding=next(iter(findings.values())) if len(findings) == 1 else note.finding,
            rating=next(iter(ratings)) if len(ratings) == 1 else None if ratings else note.rating,
            text="\n".join(filter(None, (written, *self._beside)))[: elements.LONGEST_TEXT],
            flags=tuple(dict.fromkeys((*self._flags(machine=machine), *asked, *self._doubts()))),
            link=holder.where() if several and holder.name == codes.MEASUREMENT_GROUP else None,
            side=next(iter(self._sides)) if len(self._sides) == 1 else None,
            several=several,
            encloses=self._encloses,
        )

    def _flags(self, *, machine: bool) -> Iterator[str]:
        if machine or (self._by_device and not self._by_person):
            yield "machine-mark"
        if self._is_hidden:
            yield "not-for-presentation"
        if self._is_hidden or self._findings.keys() & codes.NOT_LESIONS:
            yield NOT_A_LOCATION
        if len(self._ratings) > 1:
            yield "rating-conflict"

    def _doubts(self) -> Iterator[str]:
        if len(self._findings) > 1:
            yield "several-findings"


def said_of_one(node: Node, about: Said, words: SiteWords) -> Said:
    """What is said of one of several coordinates: what they hold themselves, else their group."""
    if not about.several or all(child.value_type in _OTHERS for child in node.children):
        return about
    own_words = said_of(node, words, alone=True)
    flags = tuple(dict.fromkeys((*about.flags, *own_words.flags)))
    return replace(
        about,
        finding=own_words.finding or about.finding,
        rating=about.rating if own_words.rating is None else own_words.rating,
        text=own_words.text or about.text,
        flags=flags,
    )


_OTHERS = DRAWN | {"IMAGE", "COMPOSITE", "CONTAINER", "UIDREF", ""}
"""Value types of items that say nothing of the coordinates above them."""

_DIGIT = re.compile(r"\s*M?\s?-?\s?([1-5])(?:\.0*)?\s*", re.IGNORECASE)


def _rating_of(node: Node) -> int | None:
    """The rating that a text or measurement of that name gives: ``M4``, 4."""
    values = elements.items(node.item, "MeasuredValueSequence")[:1]
    said = elements.text(values[0], "NumericValue") if values else node.said()
    match = None if node.value_type == "CODE" else _DIGIT.fullmatch(said)
    return None if match is None else int(match[1])


def _measured(node: Node) -> str:
    """A measurement as text: name, value, unit."""
    for value in elements.items(node.item, "MeasuredValueSequence")[:1]:
        unit = elements.code(value, "MeasurementUnitsCodeSequence")
        name = node.concept.meaning if node.concept is not None else ""
        sign = "" if unit is None else unit.value
        return f"{name}: {elements.text(value, 'NumericValue')} {sign}".strip()
    return ""


_APART = frozenset({"CONTAINER", "NUM"})


def own(holder: Node, *, into_coordinates: bool) -> Iterator[Node]:
    """Items below a holder, those of groups inside it and of measurements' contexts left out.

    Parameters
    ----------
    into_coordinates : bool
        Whether what coordinates say of themselves holds for all; not where there are several.
    """
    waiting = list(reversed(holder.children))
    while waiting:
        node = waiting.pop()
        if speaks_for_itself(node):
            continue
        yield node
        closed = _APART if into_coordinates else _APART | DRAWN
        if node.value_type not in closed:
            waiting.extend(reversed(node.children))
