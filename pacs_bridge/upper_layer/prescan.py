"""A structural check of an encoded data set before any parser sees it, and before an answer.

pydicom is lazy: it takes a damaged object and fails when somebody looks. What passes here
can be walked to its last element (RELIABILITY.md 2, trials d1 to d6). The few elements that
decide whether an object is ours are picked up on the way, so that a listener needs no
parser at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.upper_layer.elements import LIMITS, Buffer, Kind, Limits, Step, walk

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
_DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"

_SOP_CLASS, _SOP_INSTANCE, _STUDY = 0x00080016, 0x00080018, 0x0020000D
_ACCESSION, _REFERENCED_INSTANCE = 0x00080050, 0x00081155
_WANTED = frozenset((_SOP_CLASS, _SOP_INSTANCE, _STUDY, _ACCESSION, _REFERENCED_INSTANCE))
_LONGEST = 66  # bytes; a UID has 64 and perhaps a pad, an accession number 16


@dataclass(frozen=True)
class Scan:
    """How large an object is, and what it says it belongs to.

    Texts are as they stand in the object, without padding; empty where an element is
    absent. None of them has been checked to be an identifier.

    Parameters
    ----------
    accession_number : str
        At the top; where that is empty, the first inside a sequence.
    referenced_instances, referenced_studies : frozenset of str
        At any depth.
    """

    elements: int
    items: int
    depth: int
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    accession_number: str
    referenced_instances: frozenset[str]
    referenced_studies: frozenset[str]


@dataclass
class _Found:
    elements: int = 0
    items: int = 0
    depth: int = 0
    top: dict[int, str] = field(default_factory=dict)
    accession_within: str = ""
    instances: set[str] = field(default_factory=set)
    studies: set[str] = field(default_factory=set)


def is_explicit(transfer_syntax_uid: str) -> bool:
    """Tell explicit from implicit VR.

    Raises
    ------
    UnreadableObject
        For deflated and big endian data sets, which are not walked.
    """
    if transfer_syntax_uid in (_DEFLATED, _BIG_ENDIAN):
        raise UnreadableObject(
            "The object is deflated or big endian; send it in explicit VR little endian."
        )
    return transfer_syntax_uid != IMPLICIT


def scan(data: Buffer, *, explicit: bool, limits: Limits = LIMITS) -> Scan:
    """Walk a whole encoded data set (no preamble, no group 0002) within limits.

    Pixel data are stepped over, never read.

    Raises
    ------
    UnreadableObject
        When the structure is broken or a limit is passed.
    """
    found = _Found()
    for step in walk(data, explicit=explicit, limits=limits):
        if step.kind is Kind.VALUE:
            found.elements += 1
            if step.tag in _WANTED:
                _note(found, step, data)
        elif step.kind is Kind.SEQUENCE:
            found.elements += 1
            found.depth = max(found.depth, step.depth + 1)
        elif step.kind in (Kind.ITEM, Kind.FRAGMENT):
            found.items += 1
    return Scan(
        found.elements,
        found.items,
        found.depth,
        found.top.get(_SOP_CLASS, ""),
        found.top.get(_SOP_INSTANCE, ""),
        found.top.get(_STUDY, ""),
        found.top.get(_ACCESSION, "") or found.accession_within,
        frozenset(found.instances),
        frozenset(found.studies),
    )


def _note(found: _Found, step: Step, data: Buffer) -> None:
    raw = bytes(data[step.start : min(step.stop, step.start + _LONGEST)])
    text = raw.decode("latin-1").strip(" \0")
    if step.tag == _REFERENCED_INSTANCE:
        found.instances.add(text)
    elif step.depth == 0:
        found.top[step.tag] = text
    elif step.tag == _STUDY:
        found.studies.add(text)
    elif step.tag == _ACCESSION:
        found.accession_within = found.accession_within or text
