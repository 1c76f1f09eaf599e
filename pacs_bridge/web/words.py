"""How pages write things: times, states and decisions in the scheme's words."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from markupsafe import Markup

READINESS = {
    "planned": ("Planned", "grey", "Nothing has been sent yet."),
    "awaiting import": (
        "Awaiting import",
        "blue",
        "The images come on media or through a portal. We ask the PACS until it has them.",
    ),
    "sending": ("Sending", "blue", "Images are on their way to the PACS."),
    "sent": ("Sent", "blue", "All images are sent. We are asking the PACS whether it has them."),
    "ready": ("Ready", "green", "The PACS has every image and finds every case by name."),
    "incomplete": (
        "Not ready",
        "orange",
        "Not every case is in the PACS, found by its name and at hand.",
    ),
    "withdrawing": ("To be withdrawn", "orange", "It is to leave the PACS; we ask until it has."),
    "withdrawn": ("Withdrawn", "grey", "It has gone: the PACS has none of its studies."),
}
"""Readiness of a load: its tag, the tag's colour, and one sentence."""

INTACT = {
    "intact": ("Intact", "green"),
    "amber": ("Amber", "orange"),
    "conflict": ("Other content", "red"),
    "unproven": ("Unproven", "grey"),
}
"""Whether images come back from a PACS as they were sent."""

WITHDRAWAL = {
    "to be withdrawn": ("To do", "orange"),
    "late": ("Late", "red"),
    "withdrawn": ("Gone", "green"),
}
"""How a withdrawal stands."""

FEEDBACK = {
    "being sent": ("Being sent", "blue"),
    "sent, not found yet": ("Sent", "blue"),
    "on the PACS": ("On the PACS", "green"),
    "to be withdrawn": ("To be removed", "orange"),
    "late": ("Late", "red"),
    "withdrawn": ("Gone", "grey"),
}
"""How truth on a PACS stands."""

COMPLETE = {
    "proven": ("Proven", "green"),
    "counted": ("Counted", "aqua-green"),
    "present": ("Present", "yellow"),
    "waiting": ("Waiting", "blue"),
    "partial": ("Partial", "orange"),
    "missing": ("Missing", "red"),
    "conflict": ("Conflict", "red"),
    "unknown": ("Unknown", "grey"),
}
FINDABLE = {
    "as named": ("As named", "green"),
    "by other name": ("By other name", "yellow"),
    "not by name": ("Not by name", "orange"),
}
NEAR = {
    "online": ("Online", "green"),
    "nearline": ("Not online", "orange"),
    "unknown": ("Unknown", "grey"),
}
READING = {
    "open": ("Open", "blue", "More may come: it closes when both breasts are decided."),
    "asked": ("Waits for you", "orange", "A question is open: it counts once you have answered."),
    "closed": ("Closed", "aqua-green", "Whole, and on its way to scoring."),
    "scored": ("Scored", "green", "Counted in your figures."),
    "kept": ("Practice", "grey", "Practice cases are never scored."),
    "parked": ("Parked", "orange", "Set aside; a person is looking at it."),
}
RECEIPT = {"unread": ("Nothing yet", "white")} | {k: each[:2] for k, each in READING.items()}
MARK = {
    "read": ("Counts", "green"),
    "asked": ("Waits for you", "orange"),
    "confirmed": ("Confirmed", "green"),
    "mended": ("Changed by you", "green"),
    "dropped": ("Not counted", "grey"),
    "placed": ("Drawn here", "green"),
}
SOURCE = {
    "measurement-report": "a report of your viewer",
    "cad-sr": "a report of a program",
    "other-sr": "a report of your viewer",
    "presentation-state": "a drawing of your viewer",
    "key-object": "an image that you flagged",
    "overlay": "a picture drawn over the image",
    "sheet": "this page",
}
"""What brought a mark."""

RECEIVED = {
    "presentation state": "Drawing",
    "report": "Report",
    "report of a program": "Report of a program",
    "key object": "Flagged image",
    "image with an overlay": "Picture drawn over an image",
    "object": "Something else",
}
"""What arrived, as a reader knows it."""

OUTCOME = {
    "open": ("Open", "blue"),
    "released": ("Released", "green"),
    "aborted": ("Aborted", "orange"),
    "rejected": ("Rejected", "red"),
}
DECISION = {
    "RTS": "Return to screen",
    "RECALL": "Recall for assessment",
    "TECH": "Technical recall",
}
RATING = {1: "normal", 2: "benign", 3: "indeterminate", 4: "suspicious", 5: "highly suspicious"}
SIDE = {"R": "Right", "L": "Left"}
ROLE = {"reader": "Reader", "contact": "PACS contact", "admin": "Administrator"}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SPACE = "\N{NO-BREAK SPACE}"


def write_moment(moment: datetime | None, *, seconds: bool = False) -> Markup:
    """Write a moment for people, in UTC and saying so; a dash for none."""
    if moment is None:
        return Markup("–")
    at = moment.astimezone(UTC)
    clock = f"{at:%H:%M:%S}" if seconds else f"{at:%H:%M}"
    day = _SPACE.join((str(at.day), _MONTHS[at.month - 1], str(at.year)))
    return Markup('<time datetime="{}">{}, {}{}UTC</time>').format(
        at.isoformat(timespec="seconds"), day, clock, _SPACE
    )


def write_clock(text: str) -> str:
    """Write a moment by somebody else's clock, which names no zone; a text that is none stays."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    day = _SPACE.join((str(at.day), _MONTHS[at.month - 1], str(at.year)))
    return f"{day}, {at:%H:%M}"


def write_duration(seconds: float) -> str:
    """Write a length of time, rounded to what matters."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def write_size(size: int) -> str:
    """Write a number of bytes."""
    for unit, step in (("MB", 1_000_000), ("kB", 1_000)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} bytes"


def write_count(count: int, noun: str) -> str:
    """Write a number with its noun: ``1 case``, ``2 cases``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


_YES = (
    ("is it a mark?", "Yes, it is a mark"),
    ("is it one?", "Yes, it is a mark"),
    ("mean it?", "Yes, I mean it"),
    ("are both meant?", "Yes, both are meant"),
    ("meant so?", "Yes, it is meant so"),
    ("meant?", "Yes, I mean it"),
    ("there?", "Yes, it is there"),
    ("draw it yourself?", "Yes, I drew it"),
    ("is it this one?", "Yes, it is there"),
    ("what do you mean by it?", "The note changes nothing"),
    ("is a mark missing here? Draw it here.", "No, nothing is missing"),
    ("take this one back.", ""),
    ("decide each breast below.", ""),
)
"""How a question ends, and what it is to agree; empty where only something else answers it."""


def agree_to(question: str, words: str) -> str:
    """Say what a reader says who agrees to a question on a mark, as it is said in words.

    Empty where nobody can agree: what is asked for is to be done.
    """
    for end, yes in _YES:
        if question.endswith(end):
            return yes
    if question.startswith("Does your note") and "belong" in question:
        return "Yes, it belongs to it"
    said = words.partition(", ")[2]
    counts = "counts?" in question or question.endswith("rating do you give?")
    return f"It counts as {said}" if said and counts else "That is right"


_LAYOUT = str.maketrans("", "", "\n\t")


def show_plainly(value: Any) -> Any:
    """Take out of a text what a page must not carry: control and direction characters.

    Every value that a template writes goes through here; markup of our own is left.
    """
    if isinstance(value, Markup) or not isinstance(value, str) or value.isprintable():
        return value
    if value.translate(_LAYOUT).isprintable():  # so are most texts of several lines
        return value
    return "".join(
        c if c in "\n\t" or unicodedata.category(c)[0] != "C" else "\ufffd" for c in value
    )


def write_requests(
    stored: int, refused: int, echoes: int, requests: Mapping[str, int] | None = None
) -> str:
    """Write what was asked for in an association; empty for nothing."""
    parts = [f"{stored} stored"] if stored else []
    parts += [f"{refused} refused"] if refused else []
    parts += [f"{echoes} echo{'' if echoes == 1 else 'es'}"] if echoes else []
    parts += [f"{count} {service}" for service, count in sorted((requests or {}).items())]
    return ", ".join(parts)


def _requests(association: Any) -> str:
    each = association
    return write_requests(each.stored, each.refused, each.echoes, each.requests)


def set_up_words(app: Flask) -> None:
    """Give templates the words and filters."""
    app.jinja_env.finalize = show_plainly
    app.jinja_env.filters.update(
        moment=write_moment,
        clock=write_clock,
        duration=write_duration,
        size=write_size,
        count_of=write_count,
        yes_to=agree_to,
        requests=_requests,
    )
    app.jinja_env.globals.update(
        READINESS=READINESS,
        INTACT=INTACT,
        WITHDRAWAL=WITHDRAWAL,
        FEEDBACK=FEEDBACK,
        COMPLETE=COMPLETE,
        FINDABLE=FINDABLE,
        NEAR=NEAR,
        READING=READING,
        RECEIPT=RECEIPT,
        MARK=MARK,
        SOURCE=SOURCE,
        RECEIVED=RECEIVED,
        OUTCOME=OUTCOME,
        DECISION=DECISION,
        RATING=RATING,
        SIDE=SIDE,
        ROLE=ROLE,
    )
