"""How one saves in the viewer of a PACS: words and a picture for readers of whom nothing comes.

What is uploaded is never kept or shown as it came: it is drawn anew, without anything that it
may carry beside its pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from PIL import Image, ImageOps

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import (
    NotFound,
    RefusedInput,
    UnreadableObject,
    UnsupportedObject,
)
from pacs_bridge.domain.identifiers import parse_name
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.reading_sessions import USUAL_HINT

MOST_BYTES = 2 << 20
"""Of a picture as it is uploaded."""

MOST_PIXELS = 24_000_000
"""Of a picture as it is uploaded; a screen has fewer."""

SHOWN = (1280, 1000)
"""Columns and rows that a picture is kept with at most."""

_KINDS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_WRONG = "Choose a picture in PNG or JPEG, such as a screenshot of the save button."

Redraw = Callable[[bytes], bytes]
"""Draws a picture anew as PNG; raises `UnsupportedObject` or `UnreadableObject`."""


@dataclass(frozen=True)
class SavingHelp:
    """What readers at a PACS are told of saving.

    Parameters
    ----------
    words : str
        The sentence; the usual one where nobody wrote another.
    own_words : str
        What somebody wrote; empty where nobody did.
    picture : bytes or None
        PNG; None where there is none.
    version : str
        Names the picture; empty where there is none.
    set_at : datetime or None
        When the picture was given.
    """

    pacs: str
    words: str
    own_words: str = ""
    picture: bytes | None = None
    version: str = ""
    set_at: datetime | None = None


def show_saving(pacs: str, *, begin: Begin) -> SavingHelp:
    """Tell how one saves in the viewer of a PACS; raises `NotFound`."""
    name = parse_name(pacs)
    with begin() as uow:
        uow.pacs.get(name)
        hint, _ = uow.logins.reading(name)
        kept = uow.saving_pictures.get(name)
    png, set_at = kept or (None, None)
    version = "" if png is None else hashlib.sha256(png).hexdigest()[:16]
    return SavingHelp(name, hint or USUAL_HINT, hint, png, version, set_at)


def readers_saving(reader: str, set_name: str, *, begin: Begin) -> SavingHelp:
    """Tell a reader how one saves where they read; raises `NotFound` when not enrolled."""
    with begin() as uow:
        enrolment = uow.enrolments.find(set_name, reader)
        sites = {site.name: site.pacs for site in uow.sites.all()}
    if enrolment is None or enrolment.site not in sites:
        raise NotFound("You do not read that set.")
    return show_saving(sites[enrolment.site], begin=begin)


def set_saving(
    pacs: str,
    *,
    begin: Begin,
    now: Clock,
    redraw: Redraw,
    words: str | None = None,
    picture: bytes | None = None,
    remove: bool = False,
    by: str = "",
) -> SavingHelp:
    """Say how one saves there, by words, by a picture, or both; None leaves what is.

    Parameters
    ----------
    words : str, optional
        At most 300 characters; empty for the usual words again.
    picture : bytes, optional
        A PNG or JPEG file of at most `MOST_BYTES`.
    remove : bool
        Take the picture away.
    by : str
        Number of the account that says so; empty for the command line.

    Raises
    ------
    NotFound
        When there is no such PACS.
    RefusedInput
        When the words are too long, or the picture is none, too large or cannot be drawn.
    """
    name = parse_name(pacs)
    said = None if words is None else " ".join(words.split())
    if said is not None and (len(said) > 300 or not said.isprintable()):
        raise RefusedInput("Say in at most 300 characters how to save in that viewer.")
    drawn = None if picture is None else _drawn(picture, redraw)
    with begin() as uow:
        uow.pacs.get(name)
        if said is not None:
            uow.logins.set_reading(name, hint=said)
        if remove:
            uow.saving_pictures.remove(name)
        elif drawn is not None:
            uow.saving_pictures.put(name, drawn, now())
        what = "removed" if remove else "picture" if drawn is not None else "words"
        uow.events.add(now(), "saving-set", name, what=what, by=by)
    return show_saving(name, begin=begin)


def _drawn(picture: bytes, redraw: Redraw) -> bytes:
    if len(picture) > MOST_BYTES:
        raise RefusedInput("This picture has more than 2 MB; cut out the save button.")
    if not picture.startswith(_KINDS):
        raise RefusedInput(_WRONG)
    try:
        return redraw(picture)
    except UnsupportedObject as error:
        raise RefusedInput(str(error)) from error
    except UnreadableObject as error:
        raise RefusedInput("This picture cannot be read; save it once more as PNG.") from error


def redraw_picture(picture: bytes) -> bytes:
    """Draw a picture anew: its pixels and nothing else, no larger than a page shows.

    Runs where decoders may run, in a child process with limits.

    Raises
    ------
    UnsupportedObject
        When it has too many pixels, or is neither PNG nor JPEG.
    UnreadableObject
        When it cannot be decoded.
    """
    try:
        turned = _decoded(picture)
    except UnsupportedObject:
        raise
    except Exception as error:  # decoders raise anything
        raise UnreadableObject("This picture cannot be decoded.") from error
    turned.thumbnail(SHOWN)
    plain = Image.frombytes("RGB", turned.size, turned.tobytes())
    out = BytesIO()
    plain.save(out, "PNG", optimize=True)
    return out.getvalue()


def _decoded(picture: bytes) -> Image.Image:
    with Image.open(BytesIO(picture), formats=("PNG", "JPEG")) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise UnsupportedObject("This picture has too many pixels; cut out what matters.")
        return ImageOps.exif_transpose(opened).convert("RGB")
