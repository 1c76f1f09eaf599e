"""Drawings that a state holds twice: as compound and as simple graphics, or on two layers.

References
----------
PS3.3 C.10.5.1.3.1 (compound graphics and what is drawn instead of them); STANDARDS.md 4.6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from pacs_bridge.domain.outlines import is_same_outline
from pacs_bridge.sr.linking import Drawn

COMPOUND = "compound graphic"
"""How the group of what stands for a compound graphic begins."""

_SAME = 0.05
"""Pixels, since coordinates are written in single precision."""


def without_twins(
    simple: Sequence[Drawn], compounds: Sequence[Drawn], broken: Iterable[int | None]
) -> list[Drawn]:
    """Drawings of an annotation; of a compound graphic and what is drawn instead of it, one.

    That is the simple graphic where it is single, else the compound one. Some viewers give all
    compound graphics one number: then a simple one stands for whichever draws the same.

    Parameters
    ----------
    broken : iterable of int or None
        Instances of compound graphics that could not be read, whose simple ones stay.
    """
    numbered = Counter(each.compound for each in compounds)
    several = {number for number, count in numbered.items() if count > 1} - {None}
    stand: set[int] = set()
    gone = {id(one) for one in simple if one.compound in several - set(broken)}
    kept: list[Drawn] = []
    for each in compounds:
        twins = [one for one in simple if one.compound == each.compound is not None]
        if each.compound in several:
            alike = [one for one in twins if id(one) not in stand and _draw_the_same(one, each)]
            twins = alike[:1]
        if len(twins) == 1:
            stand.add(id(twins[0]))
        else:
            gone.update(map(id, twins))
            kept.append(_named_like(each, twins))
    left = [one for one in simple if id(one) in stand or id(one) not in gone]
    for one in (*left, *kept):
        if one.compound in several and (one.mark.group or "").startswith(COMPOUND):
            one.mark = replace(one.mark, group=None)  # its number tells it from nothing
    return [*left, *kept]


def without_repeats(drawn: Sequence[Drawn], who: Callable[[Drawn], int]) -> list[Drawn]:
    """Each drawing of one person once, wherever else a state holds it again.

    Parameters
    ----------
    who : callable
        Tells whose a drawing is.
    """
    kept: dict[tuple[object, ...], list[Drawn]] = {}
    for each in drawn:
        mark = each.mark
        lies = (round(mark.centre[0], 1), round(mark.centre[1], 1), len(mark.points))
        known = kept.setdefault((who(each), mark.image, mark.frame, mark.shape, *lies), [])
        again = next((one for one in known if _is_repeated(one, each)), None)
        if again is None:
            known.append(each)
            continue
        again.also_in.add(each.annotation)
        again.graphic_group = _either(again.graphic_group, each.graphic_group)
        again.compound = _either(again.compound, each.compound)
    united = {id(one) for some in kept.values() for one in some}
    return [each for each in drawn if id(each) in united]


def _is_repeated(one: Drawn, other: Drawn) -> bool:
    """Whether two drawings are the same, and nothing tells them apart."""
    ties = (
        (one.graphic_group, other.graphic_group),
        (one.mark.tracking_uid, other.mark.tracking_uid),
    )
    if any(a != b and a is not None and b is not None for a, b in ties):
        return False
    return _draw_the_same(one, other)


def _draw_the_same(one: Drawn, other: Drawn) -> bool:
    return one.mark.shape == other.mark.shape and is_same_outline(
        one.mark.shape, one.mark.points, other.mark.points, _SAME
    )


def _named_like(compound: Drawn, twins: Sequence[Drawn]) -> Drawn:
    """A compound graphic with the TrackingUID that only what is drawn instead of it bears."""
    uid = next(filter(None, (each.mark.tracking_uid for each in twins)), None)
    if uid is None or compound.mark.tracking_uid:
        return compound
    return replace(compound, mark=replace(compound.mark, tracking_uid=uid, group=uid))


def _either(one: int | None, other: int | None) -> int | None:
    return other if one is None else one
