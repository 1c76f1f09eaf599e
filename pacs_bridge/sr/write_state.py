"""The highdicom side of `write.write_gsps`: imported only when a state is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from highdicom import ContentCreatorIdentificationCodeSequence
from highdicom.color import CIELabColor
from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicGroup,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from highdicom.sr import CodedConcept
from pydicom.dataelem import DataElement

from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.sr import codes, write
from pacs_bridge.sr.notes import write_breast, write_note

if TYPE_CHECKING:
    from pydicom import Dataset

# highdicom takes the enumeration here: with the plain word its text objects fail.
_PIXEL = AnnotationUnitsValues.PIXEL
_DRAWN = {"POLYGON": "POLYLINE"}
_LOOK = (
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "VOILUTFunction",
    "VOILUTSequence",
)
_NOT_DRAWN = ("TEXT", "BITMAP")


def build_state(
    images: Sequence[Dataset],
    marks: Sequence[Mark],
    decisions: Sequence[BreastDecision],
    login: str,
    series_uid: str,
    sop_uid: str,
    label: str,
    instance_number: int,
) -> Dataset:
    """Build the object; times and equipment are stamped by the caller."""
    headers = [write.header(image) for image in images]
    looks = looks_of(headers)
    drawings = GraphicLayer("MARKS", order=1, description="Marks")
    opinions = GraphicLayer("DECISIONS", order=2, description="Decisions")
    groups: list[GraphicGroup] = []
    annotations = []
    for image in headers:
        annotations += draw_marks(image, marks, drawings, groups)
    texts: dict[str, list[TextObject]] = {}
    for number, decision in enumerate(decisions):
        image = _image_for(decision, headers)
        box = _box(image, number)
        texts.setdefault(str(image.SOPInstanceUID), []).append(
            TextObject(write_breast(decision), _PIXEL, bounding_box=box)
        )
    for image in headers:
        if str(image.SOPInstanceUID) in texts:
            annotations.append(
                GraphicAnnotation([image], opinions, text_objects=texts[str(image.SOPInstanceUID)])
            )
    return _assemble(
        headers, looks, annotations, (drawings, opinions), groups,
        (series_uid, sop_uid), (label, "Reading"), instance_number, login,
    )  # fmt: skip


def build_layers(
    images: Sequence[Dataset],
    layers: Sequence[tuple[str, str, tuple[float, float, float], Sequence[Mark]]],
    *,
    series_uid: str,
    sop_uid: str,
    label: str,
    instance_number: int,
) -> Dataset:
    """Build a state whose marks stand in several layers.

    Parameters
    ----------
    layers : sequence of tuple
        Name, description, colour (CIELab) and marks of each.
    """
    headers = [write.header(image) for image in images]
    looks = looks_of(headers)
    groups: list[GraphicGroup] = []
    annotations: list[GraphicAnnotation] = []
    made = []
    for order, (name, words, colour, marks) in enumerate(layers, 1):
        layer = GraphicLayer(name, order, words, CIELabColor(*colour))
        made.append(layer)
        for image in headers:
            annotations += draw_marks(image, marks, layer, groups)
    return _assemble(
        headers, looks, annotations, made, groups,
        (series_uid, sop_uid), (label, "Feedback"), instance_number, write.MANUFACTURER,
    )  # fmt: skip


def _assemble(
    headers: Sequence[Dataset],
    looks: Sequence[Dataset],
    annotations: Sequence[GraphicAnnotation],
    layers: Sequence[GraphicLayer],
    groups: Sequence[GraphicGroup],
    uids: tuple[str, str],
    names: tuple[str, str],
    instance_number: int,
    login: str,
) -> Dataset:
    """Put the object together: UIDs are series and object, names label and description."""
    used = [layer for layer in layers if is_used(layer, annotations)]
    ds = GrayscaleSoftcopyPresentationState(
        referenced_images=headers,
        series_instance_uid=uids[0],
        series_number=write.STATE_SERIES,
        sop_instance_uid=uids[1],
        instance_number=instance_number,
        manufacturer=write.MANUFACTURER,
        manufacturer_model_name=write.MODEL,
        software_versions=write.VERSION,
        device_serial_number="0",
        content_label=names[0],
        content_description=names[1],
        graphic_annotations=annotations or None,
        graphic_layers=used or None,
        graphic_groups=groups or None,
        content_creator_identification=ContentCreatorIdentificationCodeSequence(
            person_identification_codes=[CodedConcept(login, codes.SCHEME, login)],
            institution_name=write.MANUFACTURER,
        ),
        series_description=names[1],
    )
    ds.ContentCreatorName = login
    if looks:
        ds.SoftcopyVOILUTSequence = looks
    sides = {write.side_of(image) for image in headers}
    # Type 2C of the series, which the library leaves out; empty for a series of both sides.
    ds.Laterality = sides.pop() if len(sides) == 1 else ""
    return ds


def looks_of(headers: Sequence[Dataset]) -> list[Dataset]:
    """Grey-scale windows, else tables, of the images; taken out of the headers.

    highdicom refuses an image with both, and writes tables with a wrong bit depth.

    References
    ----------
    PS3.3 C.11.8 (softcopy VOI LUT): images are named where an item is not for all.
    """
    looks: dict[str, tuple[Dataset, list[Dataset]]] = {}
    for image in headers:
        look = pydicom.Dataset()
        for keyword in _LOOK:
            if keyword in image:
                look[keyword] = _first(image[keyword])
                delattr(image, keyword)
        if "WindowCenter" in look and "VOILUTSequence" in look:
            del look.VOILUTSequence  # the windows are the plainer of the two
        if "VOILUTSequence" in look:
            look.VOILUTSequence = [_sixteen_bits(table) for table in look.VOILUTSequence]
        if len(look):
            looks.setdefault(look.to_json(), (look, []))[1].append(image)
    for look, images in looks.values():
        if len(images) < len(headers):
            look.ReferencedImageSequence = [_reference(image) for image in images]
    return [look for look, _ in looks.values()]


def _first(element: DataElement) -> DataElement:
    """The first of several windows: a state shows one, where an image may offer more."""
    if element.VM > 1 and element.VR != "SQ":
        return DataElement(element.tag, element.VR, element.value[0])
    return element


def _sixteen_bits(table: Dataset) -> Dataset:
    """A table of 8 to 16 bits as one of 16, the only depth besides 8 that a state may have."""
    length, first, bits = table.LUTDescriptor
    data = table.LUTData
    if isinstance(data, bytes):
        data = np.frombuffer(data, dtype="<u2")
    wide = np.array(data, dtype=np.uint32) << (16 - int(bits))
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", [length, first, 16])
    item.add_new("LUTData", "OW", wide.astype("<u2").tobytes())
    if "LUTExplanation" in table:
        item.LUTExplanation = table.LUTExplanation
    return item


def _reference(image: Dataset) -> Dataset:
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def draw_marks(
    image: Dataset, marks: Sequence[Mark], layer: GraphicLayer, groups: list[GraphicGroup]
) -> list[GraphicAnnotation]:
    """The image's marks; those on one frame share an annotation."""
    frames: dict[int | None, tuple[list[GraphicObject], list[TextObject]]] = {}
    for mark in marks:
        if mark.image != image.SOPInstanceUID or mark.shape in _NOT_DRAWN:
            continue
        text = mark.text or write_note(mark.rating, mark.finding)
        group = None
        if text:
            group = GraphicGroup(len(groups) + 1, f"Mark {len(groups) + 1}")
            groups.append(group)
        graphics, texts = frames.setdefault(_frame(mark, image), ([], []))
        graphics.append(
            GraphicObject(
                _DRAWN.get(mark.shape, mark.shape),
                np.array(mark.points, dtype=float),
                _PIXEL,
                tracking_id=mark.tracking_uid and f"mark-{len(groups)}",
                tracking_uid=mark.tracking_uid,
                graphic_group=group,
            )
        )
        if text:
            texts.append(
                TextObject(
                    text,
                    _PIXEL,
                    anchor_point=mark.centre,
                    anchor_point_visible=False,
                    graphic_group=group,
                )
            )
    return [
        GraphicAnnotation(
            [image],
            layer,
            referenced_frame_number=frame,
            graphic_objects=graphics,
            text_objects=texts or None,
        )
        for frame, (graphics, texts) in frames.items()
    ]


def _frame(mark: Mark, image: Dataset) -> int | None:
    """Its frame, which may be named only where an image has several."""
    return mark.frame if int(image.get("NumberOfFrames", 1) or 1) > 1 else None


def _image_for(decision: BreastDecision, headers: Sequence[Dataset]) -> Dataset:
    mine = [image for image in headers if write.side_of(image) == decision.laterality]
    return (mine or list(headers))[0]


def _box(image: Dataset, number: int) -> tuple[float, float, float, float]:
    """A line of text at the foot of the image, one above the other."""
    rows, columns = int(image.Rows), int(image.Columns)
    height = rows / 32
    bottom = rows - number * height
    return columns * 0.05, bottom - height, columns * 0.6, bottom


def is_used(layer: GraphicLayer, annotations: Sequence[GraphicAnnotation]) -> bool:
    """Whether anything stands in a layer."""
    return any(each.GraphicLayer == layer.GraphicLayer for each in annotations)
