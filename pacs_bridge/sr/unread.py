"""What of an object could not be read: said in sentences for people and in flags for programs."""

from __future__ import annotations

from dataclasses import dataclass, field

from pacs_bridge.domain.marks import ReadObject

SENTENCES = {
    "unread-compound": (
        "Some compound graphics are broken or of an unknown type; save them as simple graphics."
    ),
    "unread-overlay": (
        "Its overlay bitmap is broken or of a form that is not read; "
        "save the marks as graphic annotations."
    ),
    "unread-embedded-overlay": (
        "Its overlay lies in unused bits of the pixels, a retired form that is not read; "
        "save the marks as graphic annotations."
    ),
    "unread-image-overlay": (
        "It shows an overlay that lies in the image, not in itself; send that image, too."
    ),
    "unread-overlay-picture": (
        "Its overlay bitmap is a picture, in which no single marks can be told apart; "
        "save the marks as graphic annotations."
    ),
    "unread-overlay-dust": (
        "Its overlay bitmap holds single dots only, too small to be marks; "
        "save the marks as graphic annotations."
    ),
    "unread-3d": (
        "Its marks are in room coordinates (SCOORD3D), which an image without a frame of "
        "reference does not have; save them as image coordinates."
    ),
    "unread-3d-plane": (
        "Some of its marks are in room coordinates (SCOORD3D) that lie on no single frame; "
        "mark them on a frame."
    ),
    "unread-3d-image": (
        "Some of its marks are in room coordinates (SCOORD3D) that lie on several images alike; "
        "mark them on one image."
    ),
    "unread-3d-body": (
        "Some of its marks are bodies in room coordinates (ELLIPSOID), which no frame shows; "
        "mark them on a frame."
    ),
    "unread-rendered": (
        "Its marks lie on a rendered view, not on the stored image; mark the image itself."
    ),
    "unread-units": "Some graphics give units that are unknown; save them in PIXEL units.",
    "unread-graphic": "Some graphics have broken coordinates; draw them again.",
    "unread-display": (
        "Some graphics are in DISPLAY units without a displayed area to measure them by; "
        "save them in PIXEL units."
    ),
    "unread-side": "A decision names no breast; say right or left.",
    "decision-conflict": "It decides two things for one breast; ask the reader which one counts.",
    "unread-part": "A part of the report is damaged; export it again.",
    "unread-decision": (
        "It recommends a follow-up that is none of the scheme's decisions; ask the reader."
    ),
    "unread-assessment": (
        "It gives BI-RADS categories, which are no ratings on this scale, and marks no place; "
        "ask the reader."
    ),
    "too-large": "The report is larger than is read; ask for one report a case.",
    "unread-region": (
        "It measures a segmentation or another region, not a place in image coordinates; "
        "save the marks as image coordinates."
    ),
    "unread-text": (
        "It holds text in which no rating and no decision was understood; ask the reader."
    ),
    "unread-measurements": "It holds measurements without a drawn location; mark the place too.",
}
"""Flag to sentence: what is the matter and what to do."""


_NO_MARKS = frozenset(
    {
        *("unread-text", "decision-conflict", "unread-overlay-dust"),
        *("unread-decision", "unread-assessment"),
    }
)


def is_unread(sentence: str) -> bool:
    """Whether a refusal says that something was there which may be a mark and was not read."""
    return any(said in sentence for flag, said in SENTENCES.items() if flag not in _NO_MARKS)


_NO_ROOM = "unread-3d"


def lacks_room(read: ReadObject) -> bool:
    """Whether an object holds room coordinates, which need its images' headers to be read."""
    return SENTENCES[_NO_ROOM] in (read.refused or "") or any(
        _NO_ROOM in mark.flags for mark in read.every_mark()
    )


@dataclass
class Unread:
    """Collects what was not read while an object is walked."""

    flags: dict[str, None] = field(default_factory=dict)

    def add(self, flag: str) -> None:
        """Note one kind of thing, once."""
        self.flags[flag] = None

    def sentence(self, otherwise: str) -> str:
        """What was not read, or `otherwise` when there was nothing to read."""
        return " ".join(SENTENCES[flag] for flag in self.flags) or otherwise
