"""What an import refuses: file by file, with the reason, and nothing of it is kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from pacs_bridge.domain.errors import RefusedInput
from tests.case_set_builders import Desk, refusals
from tests.mammograms import ROOT, a_folder, a_mammogram, write


@pytest.mark.parametrize("changes", [
    {"title": "x" * 31}, {"title": "a\\b"}, {"title": "Runde fünf"},
    {"name_template": "{set.round}"}, {"name_template": "{other}"}, {"name_template": "{"},
    {"name_template": "a^b^c^d^e^f"}, {"name_template": "x" * 65},
])  # fmt: skip
def test_a_title_or_template_that_would_not_fit_is_refused(
    changes: dict[str, str], desk: Desk
) -> None:
    a_folder(desk.folder, 1)

    assert list(refusals(desk, **changes)) == [""]


@pytest.mark.parametrize(("name", "ds", "why"), [
    ("raw", a_mammogram(SOPClassUID="1.2.840.10008.5.1.4.1.1.1.2.1"), "raw image"),
    ("intent", a_mammogram(PresentationIntentType="FOR PROCESSING"), "raw image"),
    ("ct", a_mammogram(SOPClassUID="1.2.840.10008.5.1.4.1.1.2"), "not a mammogram .CT Image"),
    ("odd", a_mammogram(SOPClassUID="1.2.3"), "not a mammogram .an unknown kind"),
    ("modality", a_mammogram(Modality="CR"), "not a mammogram"),
    ("burnt", a_mammogram(BurnedInAnnotation="YES"), "burnt into"),
    ("side", a_mammogram(ImageLaterality=None), "which breast"),
    ("both", a_mammogram(ImageLaterality="B"), "which breast"),
    ("view", a_mammogram(ViewCodeSequence=None, ViewPosition=None), "which view"),
    ("uid", a_mammogram(SOPInstanceUID=""), "SOPInstanceUID is missing"),
    ("empty", a_mammogram(PixelData=None), "has no pixels"),
    ("short", a_mammogram(PixelData=b"\0" * 100), "end too early"),
    ("leak", a_mammogram(LUTExplanation=None, PaddleDescription="for Ermintrude"), "identifying"),
])  # fmt: skip
def test_a_file_that_cannot_be_taken_is_named_with_its_reason(
    name: str, ds: Dataset, why: str, desk: Desk
) -> None:
    a_folder(desk.folder, 1)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}.77", f"{ROOT}.77.1"
    if name != "uid":
        ds.SOPInstanceUID = f"{ROOT}.77.1.1"
    write(ds, desk.folder / f"{name}.dcm")
    found = refusals(desk)

    assert list(found) == [f"{name}.dcm"]
    assert re.search(why, found[f"{name}.dcm"])


def test_files_that_are_no_dicom_or_broken_are_named(desk: Desk) -> None:
    a_folder(desk.folder, 1)
    whole = write(a_mammogram(study=5), desk.folder / "cut.dcm").read_bytes()
    (desk.folder / "cut.dcm").write_bytes(whole[:700])
    (desk.folder / "readme.txt").write_text("Images of the round")
    (desk.folder / "empty.dcm").write_bytes(b"")
    (desk.folder / "noise.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 900)
    found = refusals(desk)

    assert desk.objects() == 0
    assert set(found) == {"cut.dcm", "readme.txt", "empty.dcm", "noise.dcm"}
    assert found["readme.txt"].startswith("not a DICOM file")


@pytest.mark.parametrize(("syntax", "word"), [
    (ExplicitVRBigEndian, "big endian"), (DeflatedExplicitVRLittleEndian, "deflated"),
])  # fmt: skip
def test_transfer_syntaxes_that_cannot_pass_unchanged_are_refused(
    syntax: str, word: str, desk: Desk
) -> None:
    write(a_mammogram(VOILUTSequence=None, PixelData=None), desk.folder / "a.dcm", syntax)

    assert word in refusals(desk)["a.dcm"]


def test_an_overlay_inside_the_pixels_is_refused(desk: Desk) -> None:
    ds = a_mammogram()
    ds.add_new(0x60000010, "US", 12)
    ds.add_new(0x60000102, "US", 15)
    write(ds, desk.folder / "a.dcm")

    assert "overlay" in refusals(desk)["a.dcm"]


@pytest.mark.parametrize("changes", [
    {"PatientID": "9434765999"}, {"PatientName": "Other^Woman"}, {"PatientBirthDate": "19600101"},
])  # fmt: skip
def test_two_patients_in_one_study_refuse_all_its_files(
    changes: dict[str, str], desk: Desk
) -> None:
    a_folder(desk.folder, 2)
    write(a_mammogram(study=1, image=9, **changes), desk.folder / "study1" / "9.dcm")
    found = refusals(desk)

    assert set(found) == {f"study1/{n}.dcm" for n in (1, 2, 3, 4, 9)}
    assert all("two patients" in reason for reason in found.values())


def test_a_uid_that_comes_twice_is_refused(desk: Desk) -> None:
    a_folder(desk.folder, 1)
    write(a_mammogram("R", "CC"), desk.folder / "again.dcm")
    write(a_mammogram(study=3, SeriesInstanceUID=f"{ROOT}.1.1"), desk.folder / "split.dcm")
    found = refusals(desk)

    assert "SOPInstanceUID is also that of again.dcm" in found["study1/1.dcm"]
    assert any("another study" in reason for reason in found.values())


def test_one_import_tells_everything_that_is_wrong(desk: Desk) -> None:
    a_folder(desk.folder, 1)
    (desk.folder / "readme.txt").write_text("no image")
    write(a_mammogram(study=2, PaddleDescription="Ermintrude"), desk.folder / "leak.dcm")

    assert set(refusals(desk)) == {"readme.txt", "leak.dcm"}


def test_too_few_studies_need_partial_and_too_many_are_refused(desk: Desk) -> None:
    for study in range(1, 66):
        write(a_mammogram(study=study), desk.folder / f"{study}.dcm")

    assert "too many" in refusals(desk, partial=True)[""]
    (desk.folder / "65.dcm").unlink()
    (desk.folder / "64.dcm").unlink()
    assert "--partial" in refusals(desk, partial=False)[""]
    kinds = [case.kind for case in desk.take().passport.cases]
    assert (kinds.count("practice"), kinds.count("test")) == (3, 60)


@pytest.mark.parametrize("directory", ["missing", "images"])
def test_a_folder_without_images_is_refused(directory: str, desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match=r"give the (one|folder) that holds"):
        desk.take(directory=tmp_path / directory)
