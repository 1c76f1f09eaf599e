"""Which marks of a receipt a reader may call one finding."""

from __future__ import annotations

from collections.abc import Sequence

from pacs_bridge.domain.receipts import MarkState, ReceiptMark

Numbered = tuple[int, ReceiptMark]


def may_be_one(mark: ReceiptMark, marks: Sequence[Numbered]) -> list[Numbered]:
    """List the marks that may be one finding with a mark, each with its number.

    They lie on other views of its breast, and are not of its finding already.
    """
    if not _is_there(mark):
        return []
    here = _images_of(mark, marks)
    return [
        (number, other)
        for number, other in marks
        if _is_there(other)
        if other.laterality == mark.laterality and other.key not in (mark.key, *mark.together)
        if not here & _images_of(other, marks)
    ]


def _is_there(mark: ReceiptMark) -> bool:
    """Whether it may be of a finding at all."""
    drawn = mark.shape != "TEXT" and bool(mark.points) and mark.laterality is not None
    return drawn and mark.state is not MarkState.DROPPED


def _images_of(mark: ReceiptMark, marks: Sequence[Numbered]) -> set[str]:
    """The images on which the finding of a mark is marked."""
    return {mark.image} | {other.image for _, other in marks if other.key in mark.together}
