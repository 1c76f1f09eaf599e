"""What stands beside our images in a study, by kind: nothing that anybody must act on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.found import FoundStudy

_BY_MODALITY = {"PR": "presentation state", "SR": "report", "KO": "key object"}
_BY_CLASS = (
    ("1.2.840.10008.5.1.4.1.1.88.59", "key object"),
    ("1.2.840.10008.5.1.4.1.1.88.", "report"),
    ("1.2.840.10008.5.1.4.1.1.11.", "presentation state"),
    ("1.2.840.10008.5.1.4.1.1.7", "screen capture"),
)
_UNNAMED = ""  # not told, and found to be no image of our kinds
_ELSE = "of another kind"


def say_others(case: Case, pairs: Sequence[tuple[Study, FoundStudy | None]]) -> str:
    """Say what else the PACS has in the studies of a case; empty where there is nothing.

    What may be a conflict, and what was counted and not shown, is for others to say. Where the
    PACS counts more than there can be, that is said, too.
    """
    ours = {image.sop_instance_uid for image in case.instances()}
    kinds = {image.sop_class_uid for image in case.instances()}
    beside, unnamed, wrong = Counter[str](), 0, 0
    for _, found in pairs:
        if found is None or found.images is None:
            continue
        for image in found.images:
            if image.sop_instance_uid not in ours and image.sop_class_uid not in kinds:
                beside[_kind_of(image.sop_class_uid)] += 1
        for modality, number in found.others.items():
            beside[_BY_MODALITY.get(modality, _ELSE if modality else _UNNAMED)] += number
        counted = found.count or 0
        if found.seen is None:
            unnamed += max(0, counted - len(found.images))
        elif found.unseen is None and counted > found.seen:
            wrong = counted
    told, number = "", beside.total() + unnamed
    if number:
        told = f", beside {number} other object{'s' * (number != 1)}{_named(beside, unnamed)}"
    if wrong:
        told += f"; the PACS counts {wrong} objects, which its own lists show to be wrong"
    return told


def _named(beside: Counter[str], unnamed: int) -> str:
    """Name what is known of them."""
    if unnamed:
        return ""
    if beside.total() == beside[_UNNAMED]:
        them = "no mammogram" if beside.total() == 1 else "no mammograms"
        return f" ({them}; the PACS does not say what else)"
    named = [f"{n} {_plural(kind, n)}" for kind, n in sorted(beside.items()) if kind]
    if beside[_UNNAMED]:
        named.append(f"{beside[_UNNAMED]} of a kind that the PACS does not say")
    return f" ({', '.join([*named, 'no mammogram'])})"


def _plural(kind: str, number: int) -> str:
    return f"{kind}s" if number != 1 and kind != _ELSE else kind


def _kind_of(sop_class_uid: str) -> str:
    known = (kind for start, kind in _BY_CLASS if sop_class_uid.startswith(start))
    return next(known, _ELSE if sop_class_uid else _UNNAMED)
