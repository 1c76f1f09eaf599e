"""Laterality and view of marks: they come from the image, never from what was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from pacs_bridge.domain.marks import NOT_A_LOCATION, Laterality, Mark, ReadObject
from pacs_bridge.sr.notes import parse_note
from pacs_bridge.sr.site_words import NATIONAL, SiteWords

AMBIGUOUS_FRAME = "ambiguous-frame"
"""Flag of a mark on several frames, or on none that is named: somebody has to say which."""


class Placed(NamedTuple):
    """Where an image belongs, as its header or the passport says; a plain tuple will do.

    Parameters
    ----------
    rows, columns : int
        Size of the image in pixels.
    frames : int
        How many frames it has.
    """

    laterality: Laterality | None
    view: str | None
    rows: int
    columns: int
    frames: int = 1


Known = Placed | tuple[Laterality | None, str | None, int, int]
"""What is known of an image."""


def place_marks(
    read: ReadObject,
    images: Mapping[str, Known],
    words: SiteWords = NATIONAL,
) -> ReadObject:
    """Fill in side and view of each mark and flag what does not fit its image.

    Parameters
    ----------
    images : mapping
        SOP Instance UID to laterality, view, rows and columns.

    Returns
    -------
    ReadObject
        The same with marks flagged ``unknown-image`` (not among `images`),
        ``outside-image`` (a point beyond 0..columns or 0..rows, edges included, or a frame
        that it does not have), ``ambiguous-frame`` (no frame named, where there are several)
        and ``side-conflict`` (its text or code names the other breast).
    """
    others = tuple(
        replace(share, marks=tuple(_placed(mark, images, words) for mark in share.marks))
        for share in read.others
    )
    marks = tuple(_placed(mark, images, words) for mark in read.marks)
    return replace(read, marks=marks, others=others)


def _placed(
    mark: Mark,
    images: Mapping[str, Known],
    words: SiteWords,
) -> Mark:
    if not mark.image:
        return mark
    image = images.get(mark.image)
    if image is None:
        return replace(mark, flags=(*mark.flags, "unknown-image"))
    laterality, view, rows, columns, frames = Placed(*image)
    flags = list(mark.flags)
    inside = all(0 <= x <= columns and 0 <= y <= rows for x, y in mark.points)
    if not (inside and (mark.frame or 1) <= frames) and NOT_A_LOCATION not in flags:
        flags.append("outside-image")
    if frames > 1 and mark.frame is None and mark.points and AMBIGUOUS_FRAME not in flags:
        flags.append(AMBIGUOUS_FRAME)
    sides = {mark.said_side, parse_note(mark.text, words).side if mark.text else None}
    about_a_place = mark.shape != "TEXT"  # a legend may speak of either breast
    if about_a_place and laterality and sides & {"R", "L"} - {laterality}:
        flags.append("side-conflict")
    return replace(mark, laterality=laterality, view=view, flags=tuple(flags), said_side=None)
