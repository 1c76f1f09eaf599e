"""What a PACS may ask about the case sets that were loaded into it: words and rules.

Matching itself is in `domain.matching`. Only hierarchical questions are answered: at each
level above the one asked about, the unique key is a single value.

References
----------
PS3.4 annex C (Query/Retrieve), C.3 (information models), C.6 (attributes of the models).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from pacs_bridge.domain.errors import GiveUp, RetryLater
from pacs_bridge.domain.objects import Caller

CHARACTER_SET, LEVEL, RETRIEVE_AE_TITLE = 0x00080005, 0x00080052, 0x00080054
AVAILABILITY, FAILED_INSTANCES, TIME_ZONE = 0x00080056, 0x00080058, 0x00080201


class Level(IntEnum):
    """A level of the information models, named as Query/Retrieve Level (0008,0052) has it."""

    PATIENT = 0
    STUDY = 1
    SERIES = 2
    IMAGE = 3


class Root(StrEnum):
    """Which information model is asked: where its levels begin."""

    PATIENT = "patient"
    STUDY = "study"

    @property
    def top(self) -> Level:
        """The model's highest level."""
        return Level.PATIENT if self is Root.PATIENT else Level.STUDY


_MODELS = "1.2.840.10008.5.1.4.1.2."
FIND = {_MODELS + "1.1": Root.PATIENT, _MODELS + "2.1": Root.STUDY}
MOVE = {_MODELS + "1.2": Root.PATIENT, _MODELS + "2.2": Root.STUDY}
GET = {_MODELS + "1.3": Root.PATIENT, _MODELS + "2.3": Root.STUDY}
"""The information models by SOP class, for each of the three services (PS3.4 C.4)."""


@dataclass(frozen=True)
class Attribute:
    """A key that we know, at the level where it is at home.

    Parameters
    ----------
    many : bool
        Whether it may have several values here, of which one is enough to match.
    """

    tag: int
    vr: str
    level: Level
    many: bool = False


PATIENT_NAME, PATIENT_ID, ISSUER = 0x00100010, 0x00100020, 0x00100021
BIRTH_DATE, SEX = 0x00100030, 0x00100040
PATIENT_STUDIES, PATIENT_SERIES, PATIENT_INSTANCES = 0x00201200, 0x00201202, 0x00201204
STUDY_UID, STUDY_DATE, STUDY_TIME, STUDY_ID = 0x0020000D, 0x00080020, 0x00080030, 0x00200010
ACCESSION, STUDY_DESCRIPTION, REFERRER = 0x00080050, 0x00081030, 0x00080090
MODALITIES, SOP_CLASSES = 0x00080061, 0x00080062
STUDY_SERIES, STUDY_INSTANCES = 0x00201206, 0x00201208
SERIES_UID, SERIES_NUMBER, MODALITY, SERIES_INSTANCES = (
    0x0020000E,
    0x00200011,
    0x00080060,
    0x00201209,
)
INSTANCE_UID, CLASS_UID, INSTANCE_NUMBER = 0x00080018, 0x00080016, 0x00200013
ROWS, COLUMNS, FRAMES = 0x00280010, 0x00280011, 0x00280008
LATERALITY, VIEW, SYNTAX = 0x00200062, 0x00185101, 0x00083002

ATTRIBUTES = {
    each.tag: each
    for each in (
        Attribute(PATIENT_NAME, "PN", Level.PATIENT),
        Attribute(PATIENT_ID, "LO", Level.PATIENT),
        Attribute(ISSUER, "LO", Level.PATIENT),
        Attribute(BIRTH_DATE, "DA", Level.PATIENT),
        Attribute(SEX, "CS", Level.PATIENT),
        Attribute(PATIENT_STUDIES, "IS", Level.PATIENT),
        Attribute(PATIENT_SERIES, "IS", Level.PATIENT),
        Attribute(PATIENT_INSTANCES, "IS", Level.PATIENT),
        Attribute(STUDY_UID, "UI", Level.STUDY),
        Attribute(STUDY_DATE, "DA", Level.STUDY),
        Attribute(STUDY_TIME, "TM", Level.STUDY),
        Attribute(STUDY_ID, "SH", Level.STUDY),
        Attribute(ACCESSION, "SH", Level.STUDY),
        Attribute(STUDY_DESCRIPTION, "LO", Level.STUDY),
        Attribute(REFERRER, "PN", Level.STUDY),
        Attribute(MODALITIES, "CS", Level.STUDY, many=True),
        Attribute(SOP_CLASSES, "UI", Level.STUDY, many=True),
        Attribute(STUDY_SERIES, "IS", Level.STUDY),
        Attribute(STUDY_INSTANCES, "IS", Level.STUDY),
        Attribute(SERIES_UID, "UI", Level.SERIES),
        Attribute(SERIES_NUMBER, "IS", Level.SERIES),
        Attribute(MODALITY, "CS", Level.SERIES),
        Attribute(SERIES_INSTANCES, "IS", Level.SERIES),
        Attribute(INSTANCE_UID, "UI", Level.IMAGE),
        Attribute(CLASS_UID, "UI", Level.IMAGE),
        Attribute(INSTANCE_NUMBER, "IS", Level.IMAGE),
        Attribute(ROWS, "US", Level.IMAGE),
        Attribute(COLUMNS, "US", Level.IMAGE),
        Attribute(FRAMES, "IS", Level.IMAGE),
        Attribute(LATERALITY, "CS", Level.IMAGE),
        Attribute(VIEW, "CS", Level.IMAGE),
        Attribute(SYNTAX, "UI", Level.IMAGE),
    )
}
"""Every key that is matched and returned; any other is an optional key that we lack."""

UNIQUE = {
    Level.PATIENT: PATIENT_ID,
    Level.STUDY: STUDY_UID,
    Level.SERIES: SERIES_UID,
    Level.IMAGE: INSTANCE_UID,
}
"""The unique key of each level (PS3.4 C.6.1, C.6.2)."""


class UnfitIdentifier(GiveUp):
    """What was asked does not fit the information model.

    Parameters
    ----------
    offending : tuple of int
        The tags that are missing or wrong.
    """

    def __init__(self, message: str, *offending: int) -> None:
        self.offending = offending
        super().__init__(message)


class UnknownDestination(GiveUp):
    """A move was asked for to where nothing is moved."""


class TooMuchAsked(RetryLater):
    """More would match than is given at once; a narrower question is answered."""


@dataclass(frozen=True)
class Question:
    """A readable identifier: what is asked at which level.

    Parameters
    ----------
    keys : mapping of int to str
        The text of each key by its tag, in the order of tags; several values are parted by
        backslashes. Empty where everything matches.
    """

    root: Root
    level: Level
    keys: Mapping[int, str]


def check_levels(question: Question, *, retrieve: bool = False) -> None:
    """Check that the unique keys of a question fit its level.

    Parameters
    ----------
    retrieve : bool
        Whether objects are wanted: the level's own unique key must be given then, and UIDs
        may be a list.

    Raises
    ------
    UnfitIdentifier
        When the level is none of the model's, or a unique key is missing or not single.

    References
    ----------
    PS3.4 C.4.1.2.2.1 (hierarchical search), C.4.2.2.1 (retrieve).
    """
    top, level = question.root.top, question.level
    if level < top:
        raise UnfitIdentifier("This model has no such level; ask at another.", LEVEL)
    for above in range(top, level):
        _check_single(question, UNIQUE[Level(above)])
    if retrieve and level is Level.PATIENT:
        _check_single(question, UNIQUE[level])
    elif retrieve:
        _check_given(question, UNIQUE[level])


def _check_single(question: Question, tag: int) -> None:
    _check_given(question, tag)
    if "\\" in question.keys[tag]:
        raise UnfitIdentifier("A unique key above the level has one value; send one.", tag)


def _check_given(question: Question, tag: int) -> None:
    value = question.keys.get(tag, "")
    if not value or "*" in value or "?" in value:
        raise UnfitIdentifier("A unique key is missing; ask level by level.", tag)


def _never() -> bool:
    return False


@dataclass(frozen=True)
class FindRequest:
    """One C-FIND as the node took it; nothing of it checked yet.

    Parameters
    ----------
    identifier : memoryview
        Encoded as `transfer_syntax_uid` says.
    cancelled : callable
        Tells whether a C-CANCEL came; asked between answers.
    """

    caller: Caller
    sop_class_uid: str
    transfer_syntax_uid: str
    identifier: memoryview
    cancelled: Callable[[], bool] = _never


@dataclass(frozen=True)
class FindAnswer:
    """One C-FIND response.

    Parameters
    ----------
    identifier : bytes
        Encoded in the transfer syntax of the request; empty in the last response.
    offending : tuple of int
        Tags for Offending Element (0000,0901).
    """

    status: int
    identifier: bytes = b""
    comment: str = ""
    offending: tuple[int, ...] = ()


@dataclass(frozen=True)
class RetrieveRequest:
    """One C-MOVE or C-GET as the node took it; nothing of it checked yet.

    Parameters
    ----------
    destination : str or None
        AE title as the wire names it (C-MOVE); None for C-GET.
    message_id : int
        Of the request; what a move sends out names it.
    """

    caller: Caller
    sop_class_uid: str
    transfer_syntax_uid: str
    identifier: memoryview
    destination: str | None = None
    cancelled: Callable[[], bool] = _never
    message_id: int = 0


@dataclass(frozen=True)
class RetrieveAnswer:
    """One C-MOVE or C-GET response.

    Parameters
    ----------
    remaining, completed, failed, warning : int
        Sub-operations; `remaining` is sent in pending and cancel responses only.
    identifier : bytes
        Failed SOP Instance UID List (0008,0058), where some failed.
    """

    status: int
    remaining: int = 0
    completed: int = 0
    failed: int = 0
    warning: int = 0
    identifier: bytes = b""
    comment: str = ""
    offending: tuple[int, ...] = ()
