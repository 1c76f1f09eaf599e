"""What a walk over an encoded data set has seen, and the sentences with which it refuses one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol, Self

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.upper_layer.elements import (
    ACCESSION,
    OVERLAY_BITS,
    REFERENCED_INSTANCE,
    SOP_CLASS,
    SOP_INSTANCE,
    STUDY,
    vr_of,
)

Window = bytes | memoryview


class Content(Protocol):
    """Takes, in order, what an object's content consists of; a list does."""

    def append(self, part: Window, /) -> None:
        """Take one part more."""

    def __iadd__(self, parts: Iterable[Window], /) -> Self:
        """Take several."""


@dataclass(slots=True)
class Seen:
    """How large an object is, and what it says it belongs to.

    Texts are as they stand in the object, without padding; empty where an element is absent.
    None of them has been checked to be an identifier.

    Parameters
    ----------
    own_accession_number : str
        At the top; `accession_within` is the first inside a sequence.
    referenced_instances, referenced_studies : set of str
        At any depth.
    compressed : bool
        Whether there are fragments of pixels.
    has_overlay : bool
        Whether there are bits of an overlay at the top (60xx,3000).
    pixels_at : int
        Where the first fragment of the image's own pixels stands; 0 where there is none.
    top : int
        Tag of the last element at the top that has begun.
    """

    elements: int = 0
    items: int = 0
    depth: int = 0
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_instance_uid: str = ""
    own_accession_number: str = ""
    accession_within: str = ""
    referenced_instances: set[str] = field(default_factory=set)
    referenced_studies: set[str] = field(default_factory=set)
    compressed: bool = False
    has_overlay: bool = False
    pixels_at: int = 0
    top: int = 0

    @property
    def accession_number(self) -> str:
        """At the top; where that is empty, the first inside a sequence."""
        return self.own_accession_number or self.accession_within

    @property
    def studies(self) -> set[str]:
        """Its own study, and those that it refers to."""
        return {self.study_instance_uid, *self.referenced_studies}

    def note(self, tag: int, raw: bytes, depth: int) -> None:
        """Remember a value that is looked for, so many sequences deep."""
        text = raw.decode("latin-1").strip(" \0")
        if tag == REFERENCED_INSTANCE:
            self.referenced_instances.add(text)
        elif not depth:
            self._note_own(tag, text)
        elif tag == STUDY:
            self.referenced_studies.add(text)
        elif tag == ACCESSION:
            self.accession_within = self.accession_within or text

    def _note_own(self, tag: int, text: str) -> None:
        if tag == SOP_CLASS:
            self.sop_class_uid = text
        elif tag == SOP_INSTANCE:
            self.sop_instance_uid = text
        elif tag == STUDY:
            self.study_instance_uid = text
        elif tag == ACCESSION:
            self.own_accession_number = text
        elif tag in OVERLAY_BITS:
            self.has_overlay = True


def refuse(what: str, tag: int) -> NoReturn:
    """Refuse an object whose structure is broken; the sentence names a tag, never a value."""
    place = f" at ({tag >> 16:04X},{tag & 0xFFFF:04X})" if tag > 0 else ""
    raise UnreadableObject(f"The object is damaged: {what}{place}; send it again.")


def refuse_place(tag: int, last: int) -> NoReturn:
    """Refuse an element that stands where it must not."""
    if tag <= last:
        refuse("elements are out of order", tag)
    refuse("an element of a group below 0008 stands in the data set", tag)


def refuse_length(tag: int, said: str) -> NoReturn:
    """Refuse a value that does not consist of whole numbers of its VR."""
    vr = said if said not in ("", "UN") else vr_of(tag)
    refuse(f"a value of VR {vr} has a length that is no multiple of its own", tag)


def refuse_more_than(number: int, things: str) -> NoReturn:
    """Refuse an object that has too many things in it."""
    raise UnreadableObject(f"The object has more than {number} {things}; export it in parts.")


def refuse_depth(depth: int) -> NoReturn:
    """Refuse an object that is nested too deep."""
    raise UnreadableObject(
        f"The object is nested deeper than {depth} sequences; export it in a simpler form."
    )
