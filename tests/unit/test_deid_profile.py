"""The table: what may pass, and what each action makes of it."""

from __future__ import annotations

import struct
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_bridge.deid.apply import Substitutes, deidentify
from pacs_bridge.deid.clock import StudyClock, parse_moment, parse_time
from pacs_bridge.deid.facts import read_facts
from pacs_bridge.deid.identity import birth_date_of
from pacs_bridge.deid.profile import ACTIONS, Action, actions_by_tag
from pacs_bridge.deid.uids import UidMap, new_uid
from pacs_bridge.domain.identifiers import PERFORMS, CaseName, SetName
from tests.mammograms import a_code, a_mammogram, a_tomosynthesis, write

KEY = b"k" * 32
FIRST = datetime.fromisoformat("2019-03-02T10:15:00")  # DICOM's moments name no zone
CLOCK = StudyClock(date(2026, 11, 22), FIRST, FIRST + timedelta(seconds=184))
DISPLAY = """
PresentationIntentType ImageLaterality ViewCodeSequence ViewPosition PatientOrientation
ImagerPixelSpacing EstimatedRadiographicMagnificationFactor FieldOfViewShape
FieldOfViewDimensions FieldOfViewOrigin FieldOfViewRotation FieldOfViewHorizontalFlip
WindowCenter WindowWidth WindowCenterWidthExplanation VOILUTFunction VOILUTSequence
PresentationLUTShape PixelPaddingValue PixelPaddingRangeLimit PartialView
PartialViewCodeSequence BreastImplantPresent Manufacturer ManufacturerModelName DetectorType
DetectorID DetectorConfiguration DetectorElementSpacing AnatomicRegionSequence BodyPartExamined
SeriesNumber InstanceNumber RescaleIntercept RescaleSlope RescaleType PixelIntensityRelationship
PixelIntensityRelationshipSign ImageType SamplesPerPixel PhotometricInterpretation Rows Columns
BitsAllocated BitsStored HighBit PixelRepresentation LossyImageCompression BurnedInAnnotation
PositionerType PositionerPrimaryAngle KVP BodyPartThickness CompressionForce SoftwareVersions
AcquisitionDeviceProcessingDescription Modality QualityControlImage
""".split()  # noqa: SIM905


def cleaned(source: Dataset) -> Dataset:
    return deidentify(source, Substitutes(UidMap(KEY, "PERFORMS121"), CLOCK, KEY))


def test_every_line_of_the_table_is_an_element_of_the_standard() -> None:
    assert len(actions_by_tag()) == len(ACTIONS)


@pytest.mark.parametrize("keyword", sorted(ACTIONS))
def test_each_action_fits_the_kind_of_its_element(keyword: str) -> None:
    vr, action = dictionary_VR(tag_for_keyword(keyword)), ACTIONS[keyword]

    assert (vr == "SQ") == (action is Action.WALK or keyword == "AcquisitionContextSequence")
    assert (vr == "UI") == (action is Action.REPLACE_UID)
    assert (vr in ("DA", "TM", "DT") and keyword != "ContextGroupVersion") == (
        action is Action.SHIFT
    )
    assert action is not Action.KEEP or vr not in ("PN", "AE", "UN", "UR", "AS")


@pytest.mark.parametrize("keyword", DISPLAY)
def test_what_hanging_and_display_need_is_kept_as_it_was(keyword: str) -> None:
    source = a_mammogram()

    assert cleaned(source)[keyword] == source[keyword]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_what_is_kept_does_not_depend_on_how_it_was_written(syntax: str, tmp_path: Path) -> None:
    source = dcmread(write(a_mammogram(), tmp_path / "in.dcm", syntax))
    clean = cleaned(source)

    for keyword in DISPLAY:
        if keyword != "VOILUTSequence":
            assert clean[keyword].value == a_mammogram()[keyword].value, keyword
    lut = clean.VOILUTSequence[0]
    assert list(lut.LUTDescriptor) == [4, 0, 12]
    data = lut.LUTData
    numbers = list(struct.unpack("<4H", data)) if isinstance(data, bytes) else list(data)
    assert numbers == [0, 9, 99, 4095]


@pytest.mark.parametrize("keyword", ["LossyImageCompressionRatio", "LossyImageCompressionMethod",
    "PixelSpacingCalibrationType", "PixelSpacingCalibrationDescription", "PartialViewDescription",
    "ShutterShape", "ModalityLUTType", "AcquisitionNumber", "Laterality",
    "DerivationCodeSequence", "AnatomicRegionModifierSequence"])  # fmt: skip
def test_what_only_some_images_have_for_display_is_kept_too(keyword: str) -> None:
    values = {
        "LossyImageCompressionRatio": "4.5", "LossyImageCompressionMethod": "ISO_15444_1",
        "PixelSpacingCalibrationType": "GEOMETRY", "PartialViewDescription": "nipple cut off",
        "PixelSpacingCalibrationDescription": "at the breast", "ShutterShape": "RECTANGULAR",
        "ModalityLUTType": "US", "AcquisitionNumber": 3, "Laterality": "R",
        "DerivationCodeSequence": [a_code("121327", "DCM", "Full fidelity image")],
        "AnatomicRegionModifierSequence": [a_code("24028007", "SCT", "Right")],
    }  # fmt: skip
    source = a_mammogram(**{keyword: values[keyword]})

    assert cleaned(source)[keyword] == source[keyword]


def test_view_modifiers_are_kept_inside_the_view() -> None:
    (view,) = cleaned(a_mammogram()).ViewCodeSequence

    assert view.ViewModifierCodeSequence[0].CodeMeaning == "Magnification"


@pytest.mark.parametrize("keyword", ["XRay3DAcquisitionSequence", "XRay3DReconstructionSequence",
    "NumberOfFrames", "PixelPresentation", "VolumetricProperties", "ContentQualification",
    "VolumeBasedCalculationTechnique", "ImageType"])  # fmt: skip
def test_a_volume_keeps_its_geometry(keyword: str) -> None:
    source = a_tomosynthesis()

    assert cleaned(source)[keyword] == source[keyword]


def test_a_volume_keeps_anatomy_measures_windows_and_positions_of_its_frames() -> None:
    source = a_tomosynthesis()
    clean = cleaned(source)
    (shared,), frames = clean.SharedFunctionalGroupsSequence, clean.PerFrameFunctionalGroupsSequence

    assert shared == source.SharedFunctionalGroupsSequence[0]
    assert len(frames) == 3
    for clean_frame, frame in zip(frames, source.PerFrameFunctionalGroupsSequence, strict=True):
        assert clean_frame.PlanePositionSequence == frame.PlanePositionSequence
        assert clean_frame.PlaneOrientationSequence == frame.PlaneOrientationSequence
        assert clean_frame.FrameContentSequence[0].DimensionIndexValues is not None
    assert read_facts(clean) == read_facts(source)


def test_a_volume_keeps_its_dimensions_under_one_new_uid_and_has_no_concatenation() -> None:
    clean = cleaned(a_tomosynthesis())
    (organization,), (index,) = clean.DimensionOrganizationSequence, clean.DimensionIndexSequence

    assert organization.DimensionOrganizationUID == index.DimensionOrganizationUID
    assert organization.DimensionOrganizationUID.startswith("2.25.")
    assert (index.DimensionIndexPointer, index.FunctionalGroupPointer) == (0x00200032, 0x00209113)
    assert "ConcatenationUID" not in clean


def test_the_source_is_not_changed() -> None:
    source, twin = a_mammogram(), a_mammogram()

    cleaned(source)

    assert source == twin


def test_only_what_the_table_names_passes_at_any_depth() -> None:
    def keywords(ds: Dataset) -> set[str]:
        return {element.keyword for element in ds.iterall()}

    assert keywords(cleaned(a_mammogram())) | keywords(cleaned(a_tomosynthesis())) <= set(ACTIONS)


def test_parts_of_a_code_that_stand_outside_of_one_do_not_pass() -> None:
    clean = cleaned(a_mammogram(CodeMeaning="Ermintrude", CodeValue="1"))

    assert "CodeMeaning" not in clean
    assert "CodeValue" not in clean


def test_a_decimal_of_too_many_digits_is_shortened_and_a_code_put_in_capitals() -> None:
    source = a_mammogram()
    source["OrganDose"]._value = "0.01330000000000000123"
    source["ViewPosition"]._value = "mlo"
    clean = cleaned(source)

    assert len(str(clean.OrganDose)) <= 16
    assert float(clean.OrganDose) == pytest.approx(0.0133)
    assert clean.ViewPosition == "MLO"


def test_a_value_that_its_vr_does_not_allow_is_left_out() -> None:
    source = a_mammogram()
    source["SoftwareVersions"]._value = "x" * 65
    source["ManufacturerModelName"]._value = "Selenia\x1b[2J"
    source["KVP"]._value = "twenty-nine"
    clean = cleaned(source)

    assert {"SoftwareVersions", "ManufacturerModelName", "KVP"}.isdisjoint(
        element.keyword for element in clean
    )


def test_every_uid_is_new_the_same_each_time_and_registered_ones_stay() -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2.1"
    reference.ReferencedSOPInstanceUID = a_mammogram().SOPInstanceUID
    clean = cleaned(a_mammogram(SourceImageSequence=[reference], FrameOfReferenceUID="1.2.3.4"))

    assert clean.SOPClassUID == a_mammogram().SOPClassUID
    assert clean.SourceImageSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.1.2.1"
    assert clean.SourceImageSequence[0].ReferencedSOPInstanceUID == clean.SOPInstanceUID
    assert clean.SOPInstanceUID == cleaned(a_mammogram()).SOPInstanceUID
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        assert clean[keyword].value.startswith("2.25.")
    assert clean.FrameOfReferenceUID.startswith("2.25.")


def test_a_well_known_frame_of_reference_stays() -> None:
    atlas = "1.2.840.10008.1.4.1.1"

    assert cleaned(a_mammogram(FrameOfReferenceUID=atlas)).FrameOfReferenceUID == atlas


def test_sets_copies_and_installations_have_uids_of_their_own() -> None:
    master = new_uid(KEY, "PERFORMS121", 0, "1.2.3")
    others = {
        new_uid(KEY, "PERFORMS122", 0, "1.2.3"),
        new_uid(KEY, "PERFORMS121", 1, master),
        new_uid(KEY, "PERFORMS121", 2, master),
        new_uid(b"o" * 32, "PERFORMS121", 0, "1.2.3"),
    }

    assert len(others | {master}) == 5
    assert all(len(uid) <= 64 for uid in others)


def test_a_device_number_becomes_a_stand_in_that_tells_devices_apart() -> None:
    one = cleaned(a_mammogram()).DeviceSerialNumber

    assert one == cleaned(a_mammogram()).DeviceSerialNumber
    assert one != cleaned(a_mammogram(DeviceSerialNumber="81009230145")).DeviceSerialNumber
    assert "81009230144" not in one


def test_all_dates_become_the_set_s_and_times_keep_order_and_distance() -> None:
    clean = cleaned(a_mammogram(AcquisitionDateTime="20190302101700.5+0100"))

    assert {clean.StudyDate, clean.SeriesDate, clean.AcquisitionDate, clean.ContentDate} == {
        "20261122"
    }
    assert (clean.StudyTime, clean.SeriesTime) == ("090000", "090101")
    assert (clean.AcquisitionTime, clean.ContentTime) == ("090201.250000", "090301")
    assert clean.AcquisitionDateTime == "20261122090200.500000"


def test_a_study_of_several_days_is_pressed_into_one_and_keeps_its_order() -> None:
    days = [FIRST + timedelta(days=day) for day in (0, 1, 4)]
    clock = StudyClock(date(2026, 1, 5), days[0], days[-1])
    moved = [clock.move(day) for day in days]

    assert moved == sorted(set(moved))
    assert {moment.date() for moment in moved} == {date(2026, 1, 5)}


@pytest.mark.parametrize("text", ["", "99", "2560", "ab", None, "10:7"])
def test_a_time_that_is_none_is_read_as_none(text: object) -> None:
    assert parse_time(text) is None


def test_a_moment_without_a_day_is_none() -> None:
    assert parse_moment("2019") is None
    assert parse_moment("20190302101500.0+0100") == FIRST


def test_an_unreadable_date_and_time_become_empty() -> None:
    source = a_mammogram()
    source["ContentTime"]._value = "ten to"
    clean = cleaned(source)

    assert clean.ContentTime == ""


def test_no_two_cases_of_neighbouring_sets_share_a_birth_date() -> None:
    dates = [
        birth_date_of(CaseName(SetName(round_, part), number))
        for round_ in (12, 13)
        for part in (1, 2)
        for number in PERFORMS.numbers()
    ]

    assert len(set(dates)) == 4 * 64
    assert all("19400101" <= each < "19760101" for each in dates)


@pytest.mark.parametrize(
    ("changes", "laterality"),
    [
        ({}, "R"),
        ({"ImageLaterality": None, "Laterality": "L"}, "L"),
        ({"ImageLaterality": "B"}, ""),
        ({"ImageLaterality": None}, ""),
    ],
)
def test_the_side_is_what_the_image_says_and_never_guessed(
    changes: dict[str, str | None], laterality: str
) -> None:
    assert read_facts(a_mammogram(**changes)).laterality == laterality


def test_frames_that_differ_in_side_give_none() -> None:
    ds = a_tomosynthesis("L")
    other = Dataset()
    other.FrameLaterality = "R"
    ds.PerFrameFunctionalGroupsSequence[1].FrameAnatomySequence = [other]

    assert read_facts(a_tomosynthesis("L")).laterality == "L"
    assert read_facts(ds).laterality == ""


@pytest.mark.parametrize(
    ("code", "position", "view"),
    [
        (("399162004", "SCT"), "MLO", "CC"),
        (("R-10226", "SNM3"), None, "MLO"),
        (("R-10226", "SRT"), None, "MLO"),
        (("399260004", "SCT"), None, "ML"),
        (("399192008", "SCT"), None, "XCCL"),
        (("399162004", "99LOCAL"), "LM", "LM"),
        (("1", "99LOCAL"), None, ""),
    ],
)
def test_the_view_is_its_code_else_the_view_position(
    code: tuple[str, str], position: str | None, view: str
) -> None:
    ds = a_mammogram(ViewCodeSequence=[a_code(*code, "as it may be")], ViewPosition=position)

    assert read_facts(ds).view == view


@pytest.mark.parametrize(
    ("changes", "spacing"),
    [
        ({}, (0.07 / 1.06, 0.07 / 1.06)),
        ({"PixelSpacing": [0.2, 0.1], "PixelSpacingCalibrationType": "GEOMETRY"}, (0.2, 0.1)),
        ({"PixelSpacing": [0.2, 0.1]}, (0.07 / 1.06, 0.07 / 1.06)),
        ({"PixelSpacing": [0.2, 0.1], "ImagerPixelSpacing": None}, (0.2, 0.1)),
        ({"ImagerPixelSpacing": None}, None),
    ],
)
def test_scale_is_at_the_body(changes: dict[str, object], spacing: object) -> None:
    found = read_facts(a_mammogram(**changes)).pixel_spacing

    assert found == (pytest.approx(spacing) if spacing else None)
