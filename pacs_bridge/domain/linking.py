"""One finding on several views: which marks of a reading are one and the same thing.

A mark lies on one image, and stays one mark there. A viewer may say that a mark on the CC view and
one on the MLO view are the same finding: by one TrackingUID for both, or by one measurement group
that holds both. That is kept, so that the finding counts once.

References
----------
PS3.16 TID 1410 (112040, Tracking Unique Identifier: the same for one thing in several images).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pacs_bridge.domain.marks import Mark
from pacs_bridge.domain.revision import Drawing


def link_findings(drawings: Sequence[Drawing]) -> list[tuple[str, ...]]:
    """Give the keys of the marks of each finding that is seen on several images.

    Only marks of one breast are one finding, whatever a viewer says; of marks whose breast is
    not known nothing is taken for one.

    Returns
    -------
    list of tuple of str
        Each in order, and all in the order of their first marks.
    """
    root = {drawing.key: drawing.key for drawing in drawings}

    def find(key: str) -> str:
        while root[key] != key:
            key = root[key]
        return key

    first: dict[tuple[str, ...], str] = {}
    for drawing in drawings:
        for token in _tokens(drawing):
            one, other = find(first.setdefault(token, drawing.key)), find(drawing.key)
            if one != other:
                root[other] = one
    found: dict[str, list[Drawing]] = {}
    for drawing in drawings:
        found.setdefault(find(drawing.key), []).append(drawing)
    return [
        tuple(drawing.key for drawing in together)
        for together in found.values()
        if len({drawing.outline.image for drawing in together}) > 1
    ]


def _tokens(drawing: Drawing) -> Iterable[tuple[str, ...]]:
    """Everything by which a mark is said to be one finding with another."""
    side = drawing.outline.laterality
    for save, mark in drawing.held if side else ():
        if mark.tracking_uid:
            yield side or "", "tracked", mark.tracking_uid
        if mark.link:
            yield side or "", save.key, mark.link


def with_links(
    marks: Sequence[tuple[str, Mark]], findings: Iterable[Sequence[str]]
) -> tuple[Mark, ...]:
    """Give marks, each by its key, with what they are one finding with, among these alone.

    Parameters
    ----------
    findings : iterable of sequence of str
        As `link_findings` gives them.
    """
    linked: dict[str, str] = {}
    images = {key: mark.image for key, mark in marks}
    for finding in findings:
        here = sorted(key for key in finding if key in images)
        if len({images[key] for key in here}) > 1:
            name = hashlib.sha256(" ".join(here).encode()).hexdigest()[:16]
            linked |= dict.fromkeys(here, name)
    return tuple(replace(mark, link=linked.get(key)) for key, mark in marks)
