"""Presentation states and reports as other people's viewers write them, element by element."""

from __future__ import annotations

from typing import Any

from pydicom import Dataset
from pydicom.sequence import Sequence

GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
COMPREHENSIVE = "1.2.840.10008.5.1.4.1.1.88.33"
MG = "1.2.840.10008.5.1.4.1.1.1.2"
RCC, LCC, RMLO, LMLO = (f"1.2.3.4.{number}" for number in (1, 2, 3, 4))
STUDY = "1.2.3.1"


def a_reference(image: str = RCC, **changes: Any) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = MG, image
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def a_code(value: str, scheme: str = "DCM", meaning: str = "") -> Sequence:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = value, scheme, meaning or value
    return Sequence([ds])


def a_graphic(kind: str, *numbers: float, units: str = "PIXEL", **changes: Any) -> Dataset:
    ds = Dataset()
    ds.GraphicAnnotationUnits, ds.GraphicDimensions = units, 2
    ds.NumberOfGraphicPoints, ds.GraphicData = len(numbers) // 2, list(numbers)
    ds.GraphicType = kind
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def a_text(text: str, *anchor: float, units: str = "PIXEL", **changes: Any) -> Dataset:
    ds = Dataset()
    ds.UnformattedTextValue = text
    if anchor:
        ds.AnchorPoint, ds.AnchorPointAnnotationUnits, ds.AnchorPointVisibility = (
            list(anchor), units, "N",
        )  # fmt: skip
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def an_annotation(*parts: Dataset, images: tuple[str, ...] = (RCC,), **changes: Any) -> Dataset:
    ds = Dataset()
    if images:
        ds.ReferencedImageSequence = [a_reference(image) for image in images]
    ds.GraphicLayer = "LAYER"
    graphics = [part for part in parts if "GraphicData" in part]
    texts = [part for part in parts if "UnformattedTextValue" in part]
    if graphics:
        ds.GraphicObjectSequence = graphics
    if texts:
        ds.TextObjectSequence = texts
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def a_state(*annotations: Dataset, images: tuple[str, ...] = (RCC,), **changes: Any) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = GSPS, "1.2.3.9.1"
    ds.StudyInstanceUID, ds.AccessionNumber = STUDY, "PERFORMS121101"
    series = Dataset()
    series.SeriesInstanceUID = "1.2.3.2"
    series.ReferencedImageSequence = [a_reference(image) for image in images]
    ds.ReferencedSeriesSequence = [series]
    ds.PresentationCreationDate, ds.PresentationCreationTime = "20240102", "101500"
    ds.ContentCreatorName = "READER1"
    if annotations:
        ds.GraphicAnnotationSequence = list(annotations)
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def an_item(
    value_type: str, concept: Sequence | None = None, *children: Dataset,
    relationship: str = "CONTAINS", **changes: Any,
) -> Dataset:  # fmt: skip
    ds = Dataset()
    ds.RelationshipType, ds.ValueType = relationship, value_type
    if concept is not None:
        ds.ConceptNameCodeSequence = concept
    if children:
        ds.ContentSequence = list(children)
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def an_image_item(image: str = RCC, relationship: str = "SELECTED FROM", **changes: Any) -> Dataset:
    reference = a_reference(image, **changes)
    return an_item("IMAGE", relationship=relationship, ReferencedSOPSequence=[reference])


def coordinates(kind: str, *numbers: float, image: str | None = RCC, **changes: Any) -> Dataset:
    children = [an_image_item(image)] if image else []
    concept = changes.pop("concept", a_code("111030", "DCM", "Image Region"))
    return an_item(
        "SCOORD", concept, *children, GraphicType=kind, GraphicData=list(numbers), **changes
    )


def a_group(*children: Dataset) -> Dataset:
    return an_item("CONTAINER", a_code("125007", "DCM", "Measurement Group"), *children)


def a_coded(concept: Sequence, value: Sequence, *children: Dataset, **changes: Any) -> Dataset:
    return an_item("CODE", concept, *children, ConceptCodeSequence=value, **changes)


def a_side(side: str) -> Dataset:
    """A finding site: breast, with its laterality."""
    value, meaning = {"R": ("24028007", "Right"), "L": ("7771000", "Left")}[side]
    return a_coded(
        a_code("363698007", "SCT", "Finding Site"),
        a_code("76752008", "SCT", "Breast"),
        a_coded(a_code("272741003", "SCT", "Laterality"), a_code(value, "SCT", meaning)),
        relationship="HAS CONCEPT MOD",
    )


def a_report(*groups: Dataset, contexts: tuple[Dataset, ...] = (), **changes: Any) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = COMPREHENSIVE, "1.2.3.9.2"
    ds.StudyInstanceUID, ds.AccessionNumber = STUDY, "PERFORMS121101"
    ds.ContentDate, ds.ContentTime = "20240102", "101500"
    ds.ValueType = "CONTAINER"
    ds.ConceptNameCodeSequence = a_code("126000", "DCM", "Imaging Measurement Report")
    measurements = an_item("CONTAINER", a_code("126010", "DCM", "Imaging Measurements"), *groups)
    ds.ContentSequence = [*contexts, measurements]
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


VIEWS = {"CC": ("399162004", "cranio-caudal"), "MLO": ("399368009", "medio-lateral oblique")}
UIDS = {"RCC": RCC, "LCC": LCC, "RMLO": RMLO, "LMLO": LMLO}


def a_mammogram(
    side: str, view: str, rows: int = 512, columns: int = 416, **changes: Any
) -> Dataset:
    """Header of a valid mammogram for presentation, with four pixels' worth of nothing."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = MG, UIDS[side + view]
    ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, f"1.2.3.{side == 'R':d}.{len(view)}"
    ds.PatientID = ds.AccessionNumber = "PERFORMS121101"
    ds.PatientName, ds.PatientBirthDate, ds.PatientSex = "PERFORMS121^101", "19600101", "F"
    ds.StudyID, ds.StudyDate, ds.StudyTime = "121101", "20240101", "090000"
    ds.ReferringPhysicianName = ""
    ds.SeriesNumber, ds.InstanceNumber, ds.Modality = "1", "1", "MG"
    ds.PresentationIntentType, ds.ImageLaterality, ds.ViewPosition = "FOR PRESENTATION", side, view
    view_code = a_code(VIEWS[view][0], "SCT", VIEWS[view][1])
    view_code[0].ViewModifierCodeSequence = []
    ds.ViewCodeSequence = view_code
    front = {"R": "P", "L": "A"}[side]
    ds.PatientOrientation = [front, side if view == "CC" else "F"]
    ds.ImagerPixelSpacing = ["0.1", "0.1"]
    ds.Rows, ds.Columns = rows, columns
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.WindowCenter, ds.WindowWidth, ds.PresentationLUTShape = "2048", "4096", "IDENTITY"
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def four_views() -> list[Dataset]:
    return [a_mammogram(side, view) for view in ("CC", "MLO") for side in ("R", "L")]
