"""A reader's picture of an image: shown to whoever may see the receipt it is drawn on."""

from __future__ import annotations

from collections.abc import Callable

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import NotFound
from pacs_bridge.domain.receipts import Receipt, ReceiptImage

Show = Callable[[str, str], Receipt]
"""Gives a reader's receipt of a case; `NotFound` where it is not that reader's to see."""

Picture = Callable[[str, int], bytes]
"""Gives the picture of a frame of an archived image by its content hash."""


def middle_frame(image: ReceiptImage) -> int:
    """Give the frame that stands for a whole image, 1-based."""
    return (max(1, image.frames) + 1) // 2


def find_picture(
    reader: str, accession: str, image: str, frame: int, *, begin: Begin, show: Show
) -> str:
    """Give the content hash of an image that a reader may see a frame of.

    Raises
    ------
    NotFound
        When the case is not that reader's to see, or has no such image or frame, or the image
        is no longer here: all are told alike.
    """
    known = {each.sop_instance_uid: each.frames for each in show(reader, accession).images}
    if not 1 <= frame <= max(1, known.get(image, 0)) or image not in known:
        raise NotFound("There is no such image.")
    with begin() as uow:
        content_hash = uow.images.master(image)
    if content_hash is None:
        raise NotFound("There is no such image.")
    return content_hash
