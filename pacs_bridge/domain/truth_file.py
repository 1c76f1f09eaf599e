"""Truth in its two written forms, checked to the last point.

The *truth file* comes with a set's images and names images by the UIDs they were delivered
with (`parse_truth`); the *truth payload* goes to the scoring service and names the images as
distributed (`truth_as_payload`, `truth_from_payload`). Both end in the same `SetTruth`, and
both are checked by the same rules, so nothing that was taken can turn out unusable later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Literal, cast, get_args

from pacs_bridge.domain.errors import PacsBridgeError, RefusedInput
from pacs_bridge.domain.identifiers import PERFORMS, CaseName, Naming, SetName, parse_uid
from pacs_bridge.domain.marks import Laterality, Point
from pacs_bridge.domain.truth import (
    BreastTruth,
    CaseTruth,
    Lesion,
    Panel,
    Pathology,
    Region,
    SetTruth,
)

RegionShape = Literal["ELLIPSE", "CIRCLE", "POLYGON"]
Row = dict[str, Any]

MOST_POINTS = 10_000
"""More points than this in one polygon are refused: no outline drawn by a person has them."""

LEAST_AREA = 1e-6
"""Twice an area below this, in square pixels, is none: the points stand on one line."""

FARTHEST = 1_000_000.0
"""No coordinate of an image lies further from its origin, in pixels."""


def parse_truth(
    document: object,
    set_name: SetName,
    uid_of: Callable[[str], str | None],
    *,
    version: int = 1,
    naming: Naming = PERFORMS,
) -> SetTruth:
    """Read the document of a truth file.

    Parameters
    ----------
    document : object
        The parsed JSON: ``{"cases": [{"number", "kind", "breasts", "lesions"}]}``.
    set_name : SetName
        The set that the cases belong to.
    uid_of : callable
        Gives, for the SOP Instance UID an image was delivered with, the one it is
        distributed with; None where the set has no such image.
    version : int
        The version of this truth, 1 for a set's first.

    Raises
    ------
    RefusedInput
        When anything in it cannot be used; `reasons` names every such case.
    """

    def image_of(region: Row) -> str:
        ours = uid_of(_text(region, "sop_instance_uid"))
        if ours is None:
            raise RefusedInput("a region lies on an image that is not in this set")
        return str(parse_uid(ours))

    def read(row: Row) -> CaseTruth:
        accession = CaseName(set_name, _whole(row, "number"))
        return _case(row, accession, image_of, naming)

    rows = _rows(_record(document, "the truth file"), "cases")
    return _whole_truth(set_name, version, rows, read, lambda row: f"case {row.get('number')}")


def truth_as_payload(truth: SetTruth) -> dict[str, Any]:
    """Write a truth as plain JSON values: the body of ``PUT /v1/truth/{set}/{version}``."""
    return cast(dict[str, Any], _plain(asdict(truth)))


def truth_from_payload(payload: object, *, naming: Naming = PERFORMS) -> SetTruth:
    """Read a truth back from the form of `truth_as_payload`.

    Raises
    ------
    RefusedInput
        When anything in it cannot be used; `reasons` names every such case.
    """
    body = _record(payload, "the truth")
    set_name = SetName.parse(_text(body, "set_name"), naming)

    def read(row: Row) -> CaseTruth:
        accession = CaseName.parse(_text(row, "accession"), naming)
        if accession.set_name != set_name or accession.copy:
            raise RefusedInput(f"it is no case of {set_name}")
        return _case(row, accession, lambda region: str(parse_uid(_text(region, "image"))), naming)

    rows = _rows(body, "cases")
    version = _whole(body, "version")
    return _whole_truth(set_name, version, rows, read, lambda row: str(row.get("accession")))


def _whole_truth(
    set_name: SetName,
    version: int,
    rows: list[Row],
    read: Callable[[Row], CaseTruth],
    name_of: Callable[[Row], str],
) -> SetTruth:
    """Read every case, then refuse once with all that was found wrong."""
    cases: dict[str, CaseTruth] = {}
    reasons: list[tuple[str, str]] = []
    for row in rows:
        try:
            case = read(row)
            if case.accession in cases:
                raise RefusedInput("it stands there twice")
            cases[case.accession] = case
        except PacsBridgeError as error:
            reasons.append((_shown(name_of(row)), str(error).rstrip(".")))
    if reasons:
        where, why = reasons[0]
        more = f" (and {len(reasons) - 1} more cases)" if len(reasons) > 1 else ""
        raise RefusedInput(
            f"The truth of {set_name} cannot be used: {where}: {why}{more}; "
            "correct it and give it again.",
            tuple(reasons),
        )
    if not cases or version < 1:
        raise RefusedInput(
            f"The truth of {set_name} has no case or no version from 1 up; give a complete one."
        )
    return SetTruth(str(set_name), version, tuple(cases[name] for name in sorted(cases)))


def _case(row: Row, name: CaseName, image_of: Callable[[Row], str], naming: Naming) -> CaseTruth:
    kind = _choice(row, "kind", ("practice", "test"))
    if kind != naming.kind_of(name.number):
        raise RefusedInput(f"it is called a {kind} case and numbered as the other kind")
    breasts = tuple(_breast(breast) for breast in _rows(row, "breasts"))
    lesions = tuple(_lesion(lesion, image_of) for lesion in _rows(row, "lesions"))
    _check_case(breasts, lesions)
    return CaseTruth(str(name), cast(Literal["practice", "test"], kind), breasts, lesions)


def _check_case(breasts: tuple[BreastTruth, ...], lesions: tuple[Lesion, ...]) -> None:
    """Refuse what contradicts itself."""
    pathology = {breast.laterality: breast.pathology for breast in breasts}
    if len(breasts) != 2 or len(pathology) != 2:
        raise RefusedInput("it needs exactly one right and one left breast")
    if len({lesion.lesion_id for lesion in lesions}) != len(lesions):
        raise RefusedInput("two lesions have one lesion_id")
    side_of: dict[str, str] = {}
    for lesion in lesions:
        if lesion.malignant and pathology[lesion.laterality] != "malignant":
            raise RefusedInput(
                f"lesion {lesion.lesion_id} is malignant and its breast "
                f"{pathology[lesion.laterality]}"
            )
        for region in lesion.regions:
            if side_of.setdefault(region.image, lesion.laterality) != lesion.laterality:
                raise RefusedInput("one image shows lesions of both breasts")


def _breast(row: Row) -> BreastTruth:
    return BreastTruth(
        cast(Laterality, _choice(row, "laterality", get_args(Laterality))),
        cast(Pathology, _choice(row, "pathology", get_args(Pathology))),
        cast(Panel, _choice(row, "panel", get_args(Panel))),
    )


def _lesion(row: Row, image_of: Callable[[Row], str]) -> Lesion:
    lesion_id = _text(row, "lesion_id")
    laterality = cast(Laterality, _choice(row, "laterality", get_args(Laterality)))
    malignant = row.get("malignant")
    if not isinstance(malignant, bool):
        raise RefusedInput(f"lesion {lesion_id}: malignant is not true or false")
    try:
        regions = tuple(_region(region, laterality, image_of) for region in _rows(row, "regions"))
    except PacsBridgeError as error:
        raise RefusedInput(f"lesion {lesion_id}: {error}") from error
    return Lesion(lesion_id, laterality, _text(row, "finding"), malignant, regions)


def _region(row: Row, laterality: str, image_of: Callable[[Row], str]) -> Region:
    if row.get("laterality", laterality) != laterality:
        raise RefusedInput("a region lies on an image of the other breast")
    frame = row.get("frame")
    if frame is not None and _whole(row, "frame") < 1:
        raise RefusedInput("frames are numbered from 1")
    shape = cast(RegionShape, _choice(row, "shape", get_args(RegionShape)))
    return Region(image_of(row), shape, check_outline(shape, row.get("points")), frame)


def check_outline(shape: RegionShape, points: object) -> tuple[Point, ...]:
    """Check that points draw a region of this shape with an area, and give them as pairs.

    Parameters
    ----------
    shape : str
        ELLIPSE (ends of the major, then of the minor axis), CIRCLE (centre, perimeter
        point) or POLYGON (at least 3; a repeated first point at the end is dropped).
    points : object
        Pairs of column and row, in pixels; origin as in `Point`.

    Raises
    ------
    RefusedInput
        When they do not.

    References
    ----------
    PS3.3 section C.18.6.1.2, graphic types.
    """
    if not isinstance(points, list | tuple) or len(points) > MOST_POINTS:
        raise RefusedInput(f"points is not a list of at most {MOST_POINTS} points")
    pairs = tuple(_pair(point) for point in points)
    if shape == "POLYGON":
        if len(pairs) > 1 and pairs[0] == pairs[-1]:
            pairs = pairs[:-1]
        if len(pairs) < 3 or abs(_area(pairs)) < LEAST_AREA:
            raise RefusedInput("a POLYGON has at least 3 points and encloses an area")
        return pairs
    needed = 4 if shape == "ELLIPSE" else 2
    if len(pairs) != needed or math.dist(pairs[0], pairs[1]) == 0:
        raise RefusedInput(f"{shape} is drawn by {needed} points that enclose an area")
    if shape == "ELLIPSE":
        _check_axes(*pairs)
    return pairs


def _check_axes(a: Point, b: Point, c: Point, d: Point) -> None:
    """Refuse four points that are no axes: most often the corners of a box, or points astray.

    A program that rounds to whole pixels moves an end by half a pixel: so much is let pass.
    """
    major, minor = math.dist(a, b), math.dist(c, d)
    middles = math.dist(
        ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), ((c[0] + d[0]) / 2, (c[1] + d[1]) / 2)
    )
    dot = (b[0] - a[0]) * (d[0] - c[0]) + (b[1] - a[1]) * (d[1] - c[1])
    slack = max(2.0, 0.05 * min(major, minor))  # pixels that an end may be off
    if minor == 0 or middles > slack or abs(dot) > slack * max(major, minor):
        raise RefusedInput("the axes of an ELLIPSE cross at right angles in their middle")


def _area(points: tuple[Point, ...]) -> float:
    """Twice the signed area of a polygon (the surveyor's formula), in square pixels."""
    x0, y0 = points[0]  # near the origin the sum does not lose its digits
    local = [(x - x0, y - y0) for x, y in points]
    return sum(x * v - u * y for (x, y), (u, v) in zip(local, local[1:] + local[:1], strict=True))


def _pair(point: object) -> Point:
    if isinstance(point, list | tuple) and len(point) == 2:
        numbers = [v for v in point if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numbers) == 2 and all(abs(v) <= FARTHEST for v in numbers):  # NaN is not
            return float(numbers[0]), float(numbers[1])
    raise RefusedInput("a point is not a pair of column and row in pixels")


def _record(value: object, what: str) -> Row:
    if not isinstance(value, dict):
        raise RefusedInput(f"This is not {what} but something else; give the right one.")
    return value


def _rows(row: Row, key: str) -> list[Row]:
    value = row.get(key)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise RefusedInput(f"{key} is not a list of objects")
    return value


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 64 or not value.isprintable():
        raise RefusedInput(f"{key} is not a text of 1 to 64 characters")
    return value


def _choice(row: Row, key: str, choices: Iterable[str]) -> str:
    value = row.get(key)
    if not isinstance(value, str) or value not in choices:
        raise RefusedInput(f"{key} is not one of {', '.join(choices)}")
    return value


def _whole(row: Row, key: str) -> int:
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RefusedInput(f"{key} is not a whole number")
    return value


def _shown(name: str) -> str:
    """A name out of a file, fit for a message."""
    return "".join(c for c in name[:32] if c.isprintable())


def _plain(value: Any) -> Any:
    """Tuples become lists, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
