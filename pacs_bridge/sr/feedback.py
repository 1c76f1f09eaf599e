"""Feedback after a round: the truth, and beside it what a reader drew, for viewers.

A presentation state shows both in layers and colours of their own; a secondary capture has
them drawn into its pixels, for viewers that show no state.

References
----------
PS3.3 A.33.1, C.10.5, C.10.7 (states, annotations, layers); A.8.1 (secondary capture);
STANDARDS.md 3.3 and 3.4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pacs_bridge.domain.marks import Mark, Point
from pacs_bridge.sr import write

if TYPE_CHECKING:
    import numpy as np
    from pydicom import Dataset

TRUTH_RGB, READER_RGB = (0, 255, 0), (255, 224, 0)
_TRUTH_LAB, _READER_LAB = (87.7, -86.2, 83.2), (90.0, -3.0, 88.0)
CAPTURE_SERIES, CAPTURE_CLASS = 902, "1.2.840.10008.5.1.4.1.1.7"
_CORNERS = 72


def write_feedback_state(
    images: Sequence[Dataset],
    truth: Sequence[Mark],
    drawn: Sequence[Mark],
    *,
    side: str,
    series_uid: str,
    sop_uid: str,
    when: datetime,
    instance_number: int = 1,
) -> Dataset:
    """Write a state with the truth in layer TRUTH and a reader's marks in layer READER.

    Parameters
    ----------
    images : sequence of Dataset
        Headers of images of one study, side and size.
    truth, drawn : sequence of Mark
        Those on other images are left out. What leaves its image is cut off at the edge.
    side : str
        R or L.

    Raises
    ------
    RefusedInput
        When images differ in study.
    """
    from pacs_bridge.sr.write_state import build_layers

    sizes = {str(image.SOPInstanceUID): (int(image.Columns), int(image.Rows)) for image in images}
    inside = [
        [_inside(mark, *sizes[mark.image]) for mark in marks if mark.image in sizes]
        for marks in (truth, drawn)
    ]
    write.check(images, [*inside[0], *inside[1]])
    ds = build_layers(
        images,
        [("TRUTH", "Truth", _TRUTH_LAB, inside[0]), ("READER", "Reader", _READER_LAB, inside[1])],
        series_uid=series_uid,
        sop_uid=sop_uid,
        label="FEEDBACK",
        instance_number=instance_number,
    )
    write.stamp(ds, when, ("InstanceCreation", "Series", "PresentationCreation"))
    ds.Laterality = side
    return ds


def write_capture(
    image: Dataset,
    picture: np.ndarray[tuple[int, ...], np.dtype[Any]],
    *,
    side: str,
    series_uid: str,
    sop_uid: str,
    when: datetime,
    instance_number: int,
) -> Dataset:
    """Write a picture as a colour secondary capture in an image's study.

    Parameters
    ----------
    picture : ndarray of uint8, (rows, columns, 3)
        Red, green and blue.
    """
    from pydicom.dataset import Dataset, FileMetaDataset

    head = write.header(image)
    ds = Dataset()
    for keyword in (
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
        "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName",
    ):  # fmt: skip
        setattr(ds, keyword, head[keyword].value)
    ds.SOPClassUID, ds.SOPInstanceUID = CAPTURE_CLASS, sop_uid
    ds.SeriesInstanceUID, ds.SeriesNumber = series_uid, CAPTURE_SERIES
    ds.InstanceNumber, ds.Modality, ds.ConversionType = instance_number, "OT", "WSD"
    ds.Laterality, ds.SeriesDescription = side, "Feedback"
    ds.Manufacturer, ds.ManufacturerModelName = write.MANUFACTURER, write.MODEL
    ds.ImageType, ds.BurnedInAnnotation = ["DERIVED", "SECONDARY"], "YES"
    ds.PatientOrientation = head.get("PatientOrientation", "")
    ds.Rows, ds.Columns = picture.shape[:2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    pixels = picture.tobytes()
    ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
    write.stamp(ds, when, ("InstanceCreation", "Series", "Content"))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return ds


def outline_of(mark: Mark) -> tuple[Point, ...]:
    """Give the line that a mark draws, as points; one point for a POINT."""
    points = mark.points
    if mark.shape == "CIRCLE":
        (x, y), radius = points[0], math.dist(points[0], points[1])
        return _ring((x, y), (radius, 0.0), (0.0, radius))
    if mark.shape == "ELLIPSE":
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
        centre = ((ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4)
        return _ring(centre, ((bx - ax) / 2, (by - ay) / 2), ((dx - cx) / 2, (dy - cy) / 2))
    if mark.shape == "POLYGON" and points[0] != points[-1]:
        return (*points, points[0])
    return points


def _ring(centre: Point, one: Point, other: Point) -> tuple[Point, ...]:
    turns = [2 * math.pi * step / _CORNERS for step in range(_CORNERS)]
    ring = [
        (
            centre[0] + one[0] * math.cos(turn) + other[0] * math.sin(turn),
            centre[1] + one[1] * math.cos(turn) + other[1] * math.sin(turn),
        )
        for turn in turns
    ]
    return (*ring, ring[0])


def _inside(mark: Mark, columns: int, rows: int) -> Mark:
    """Give a mark as it is, or where it leaves its image, what of its outline is inside."""

    def bound(point: Point) -> Point:
        return min(max(point[0], 0.0), float(columns)), min(max(point[1], 0.0), float(rows))

    points = outline_of(mark)
    bounded = tuple(map(bound, points))
    if bounded == points and all(bound(point) == point for point in mark.points):
        if mark.shape == "POLYGON":
            mark = replace(mark, points=points)
        return replace(mark, centre=bound(mark.centre))
    shape = mark.shape if len(bounded) == 1 else "POLYGON"
    return replace(mark, shape=shape, points=bounded, centre=bound(mark.centre))
