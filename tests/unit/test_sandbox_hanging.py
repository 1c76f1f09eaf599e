"""The sandbox viewer hangs a case by four attributes, and needs each of them."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.sandbox.viewer_hanging import PLACES, hang
from tests.unit.sr_builders import RCC, UIDS, a_code, a_mammogram, four_views

NEEDED = ("PresentationIntentType", "ImageLaterality", "ViewCodeSequence", "PatientOrientation")
FRONT = {"R": "P", "L": "A"}


def bare(image: Dataset) -> Dataset:
    """Only what hanging may look at, and what names the image."""
    kept = Dataset()
    for keyword in (*NEEDED, "SOPClassUID", "SOPInstanceUID"):
        kept[keyword] = image[keyword]
    return kept


@pytest.mark.parametrize("shift", range(4))
def test_four_views_hang_right_by_these_attributes_alone(shift):
    images = [bare(image) for image in four_views()]
    hanging = hang(images[shift:] + images[:shift])
    assert [hung.uid for hung in hanging] == [UIDS[place] for place in PLACES]
    assert not hanging.others


@pytest.mark.parametrize("keyword", NEEDED)
@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("empty", [False, True])
def test_each_attribute_is_needed_on_each_image(keyword, place, empty):
    images = four_views()
    if empty:
        setattr(images[place], keyword, [] if keyword == "ViewCodeSequence" else "")
    else:
        delattr(images[place], keyword)
    with pytest.raises(RefusedInput, match=keyword):
        hang(images)


def test_a_raw_image_is_not_shown():
    images = four_views()
    images[0].PresentationIntentType = "FOR PROCESSING"
    assert RCC not in [hung.uid for hung in hang(images)]


def test_a_repeat_and_a_further_view_hang_beside():
    repeat, lateral = a_mammogram("R", "CC"), a_mammogram("L", "MLO")
    repeat.SOPInstanceUID, lateral.SOPInstanceUID = "1.2.3.8", "1.2.3.9"
    lateral.ViewCodeSequence = a_code("399260004", "SCT", "medio-lateral")
    hanging = hang([*four_views(), repeat, lateral])
    assert [(hung.uid, hung.view) for hung in hanging.others] == [
        ("1.2.3.8", "CC"),
        ("1.2.3.9", "ML"),
    ]


@pytest.mark.parametrize("side", ["R", "L"])
def test_chest_walls_meet_whichever_way_an_image_was_stored(side):
    stored_so = a_mammogram(side, "MLO", PatientOrientation=[FRONT[side], "F"])
    turned = a_mammogram(side, "MLO", PatientOrientation=["A" if side == "R" else "P", "H"])
    [hung] = hang([stored_so])
    assert (hung.flip_horizontally, hung.flip_vertically) == (False, False)
    [hung] = hang([turned])
    assert (hung.flip_horizontally, hung.flip_vertically) == (True, True)


@pytest.mark.parametrize(
    ("side", "columns", "turned"), [("R", "L", False), ("R", "R", True), ("L", "R", False)]
)
def test_a_cranio_caudal_view_hangs_lateral_up(side, columns, turned):
    [hung] = hang([a_mammogram(side, "CC", PatientOrientation=[FRONT[side], columns])])
    assert hung.flip_vertically is turned


def test_old_view_codes_hang_too():
    image = a_mammogram("R", "MLO")
    image.ViewCodeSequence = a_code("R-10226", "SNM3", "medio-lateral oblique")
    assert set(hang([image]).places) == {"RMLO"}


def test_a_tomosynthesis_says_its_side_in_its_frames():
    image = a_mammogram("R", "CC")
    del image.ImageLaterality, image.PresentationIntentType
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.13.1.3"
    anatomy, shared = Dataset(), Dataset()
    anatomy.FrameLaterality = "L"
    shared.FrameAnatomySequence = [anatomy]
    image.SharedFunctionalGroupsSequence = [shared]
    image.PatientOrientation = ["A", "R"]
    assert set(hang([image]).places) == {"LCC"}
