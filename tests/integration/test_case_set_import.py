"""Images become a case set: identity, order, passport; and every way in which they do not."""

from __future__ import annotations

import hashlib
import re
import subprocess
import warnings
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels

from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import BadSignature, RefusedInput, StorageFull
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.services.check_case_set import check_case_set
from pacs_bridge.services.passports import public_key_of, verify_passport
from tests.case_set_builders import KEY_PASSPORT, SET, Desk, uid_of
from tests.mammograms import ROOT, a_folder, a_mammogram, a_tomosynthesis, write
from tests.peers import need, need_data

GH133 = "dicom/fo_dicom/GH133.dcm"
TOMOSYNTHESIS = "dicom/medcognetics/tests__jpeg2k_3d.dcm"


def errors_of(path: Path) -> set[str]:
    """What dciodvfy calls an error."""
    run = subprocess.run(
        [need("dciodvfy", "dicom3tools"), str(path)], capture_output=True, text=True, check=False
    )
    lines = (run.stdout + run.stderr).splitlines()
    assert not any("cannot" in line.lower() and "read" in line.lower() for line in lines), lines
    return {line for line in lines if line.startswith("Error")}


def pixels_of(ds: Dataset) -> str:
    """SHA-256 of the decoded pixels, made without our code."""
    digest = hashlib.sha256()
    for frame in iter_pixels(ds, raw=True):
        digest.update(frame.astype("<u2").tobytes())
    return digest.hexdigest()


def test_a_full_set_becomes_cases_001_to_004_and_101_to_160(desk: Desk) -> None:
    for study in range(1, 65):
        write(a_mammogram(study=study), desk.folder / f"case{study}.dcm")
    report = desk.take(partial=False)
    names = [case.accession for case in report.passport.cases]

    assert (report.cases, report.images) == (64, 64)
    assert names[:5] == [f"PERFORMS121{n:03d}" for n in (1, 2, 3, 4, 101)]
    assert names[-1] == "PERFORMS121160"
    assert [case.kind for case in report.passport.cases].count("practice") == 4
    # Names are sorted as people do: case10 after case9.
    ninth = report.passport.cases[9].studies[0].study_instance_uid
    assert ninth == uid_of(f"{ROOT}.10")


def test_no_two_cases_could_be_taken_for_one_patient(desk: Desk) -> None:
    for study in range(1, 65):
        write(a_mammogram(study=study), desk.folder / f"{study}.dcm")
    same_name = desk.take(partial=False, name_template="PERFORMS^TEST")
    people = {(c.patient_name, c.birth_date, c.sex) for c in same_name.passport.cases}

    assert len(people) == 64
    assert len({s.study_id for c in same_name.passport.cases for s in c.studies}) == 64


def test_each_image_carries_the_identity_of_its_case(desk: Desk) -> None:
    a_folder(desk.folder, 2)
    case = desk.take().passport.cases[1]
    images = [desk.read(image) for image in case.instances()]

    for ds in images:
        assert (ds.PatientID, ds.AccessionNumber) == ("PERFORMS121101", "PERFORMS121101")
        assert (ds.IssuerOfPatientID, ds.PatientName) == ("PERFORMS", "PERFORMS121^101")
        assert ds.StudyDescription == "PERFORMS SA12 part 1 TEST SET - NOT A PATIENT"
        assert (ds.PatientBirthDate, ds.PatientSex) == (case.birth_date, "F")
        assert (ds.StudyDate, ds.StudyID) == ("20261122", case.studies[0].study_id)
        assert (ds.PatientIdentityRemoved, "PatientAge" in ds) == ("YES", False)
        assert re.fullmatch(r"\d{10}", ds.PatientID) is None
    assert len({ds.StudyInstanceUID for ds in images}) == 1
    assert len({ds.SOPInstanceUID for ds in images}) == 4


def test_a_name_template_a_title_and_a_study_date_are_taken(desk: Desk) -> None:
    a_folder(desk.folder, 1)
    report = desk.take(title="", name_template="TEST^{accession}", study_date=date(2026, 1, 5))
    ds = desk.read(next(report.passport.cases[0].instances()))

    assert ds.PatientName == "TEST^PERFORMS121001"
    assert ds.StudyDescription == "PERFORMS SA12 part 1 TEST SET - NOT A PATIENT"
    assert ds.StudyDate == "20260105"


def test_sex_is_the_source_s_where_it_says_a_valid_one(desk: Desk) -> None:
    for study, sex in enumerate(("M", "", "O", "X"), 1):
        write(a_mammogram(study=study, PatientSex=sex), desk.folder / f"{study}.dcm")

    assert [case.sex for case in desk.take().passport.cases] == ["M", "F", "O", "F"]


def test_the_passport_says_what_is_in_the_archive_and_is_signed(desk: Desk) -> None:
    a_folder(desk.folder, 2)
    passport = desk.take().passport

    verify_passport(passport, public_key_of(KEY_PASSPORT))
    with desk.database.begin() as uow:
        assert uow.case_sets.get("PERFORMS121") == passport
    for _case, study, series, image in passport.instances():
        ds = desk.read(image)
        assert (ds.StudyInstanceUID, ds.SeriesInstanceUID) == (
            study.study_instance_uid, series.series_instance_uid,
        )  # fmt: skip
        assert (ds.SOPInstanceUID, ds.SOPClassUID) == (image.sop_instance_uid, image.sop_class_uid)
        assert (ds.SeriesNumber, ds.InstanceNumber) == (
            series.series_number, image.instance_number,
        )  # fmt: skip
        assert (ds.Rows, ds.Columns, ds.ImageLaterality) == (12, 10, image.laterality)
        assert image.pixel_hash == pixels_of(ds)
        data = desk.archive.path(image.content_hash).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (image.content_hash, image.size)
    assert [f"{i.laterality} {i.view}" for i in passport.cases[0].instances()] == [
        "R CC", "L CC", "R MLO", "L MLO",
    ]  # fmt: skip


def test_a_changed_or_foreign_passport_is_told_from_the_signed_one(desk: Desk) -> None:
    a_folder(desk.folder, 1)
    passport = desk.take().passport

    with pytest.raises(BadSignature, match="changed"):
        verify_passport(replace(passport, title="another"), public_key_of(KEY_PASSPORT))
    with pytest.raises(BadSignature, match="another installation"):
        verify_passport(passport, public_key_of(b"q" * 32))


@pytest.mark.parametrize("data", [GH133, TOMOSYNTHESIS])
def test_a_real_image_passes_with_its_pixels_unchanged(data: str, desk: Desk) -> None:
    path = need_data(data)
    (desk.folder / "image.dcm").write_bytes(path.read_bytes())
    report = desk.take()
    (image,) = report.passport.cases[0].instances()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source, result = dcmread(path), desk.read(image)

    assert result.PixelData == source.PixelData
    assert result.file_meta.TransferSyntaxUID == source.file_meta.TransferSyntaxUID
    assert image.transfer_syntax_uid == source.file_meta.TransferSyntaxUID
    assert image.pixel_hash == pixels_of(source) == pixels_of(result)
    assert (image.rows, image.columns) == (source.Rows, source.Columns)
    assert errors_of(desk.archive.path(image.content_hash)) <= errors_of(path)


def test_the_two_real_images_hang_where_they_say(desk: Desk) -> None:
    for data in (GH133, TOMOSYNTHESIS):
        (desk.folder / Path(data).name).write_bytes(need_data(data).read_bytes())
    mammogram, volume = (next(c.instances()) for c in desk.take().passport.cases)

    assert (mammogram.laterality, mammogram.view, mammogram.frames) == ("R", "MLO", 1)
    assert mammogram.pixel_spacing == pytest.approx((0.0940909, 0.0940909), abs=1e-6)
    assert (volume.laterality, volume.view, volume.frames) == ("L", "CC", 4)


def test_what_we_write_is_valid_in_the_judge_s_eyes(desk: Desk) -> None:
    write(a_mammogram(), desk.folder / "a.dcm")
    report = desk.take()
    (image,) = report.passport.cases[0].instances()

    assert errors_of(desk.archive.path(image.content_hash)) == set()


def test_importing_again_gives_the_same_passport_on_any_later_day(desk: Desk) -> None:
    a_folder(desk.folder, 2)
    first = desk.take()
    objects = desk.objects()
    desk.database.clock.pass_(40 * 24 * 3600)
    second = desk.take()

    assert (first.new, second.new) == (True, False)
    assert second.passport == first.passport
    assert second.passport.digest() == first.passport.digest()
    assert desk.objects() == objects


class _FullDisk:
    """An archive whose disk is full after so many objects."""

    def __init__(self, desk: Desk, room: int) -> None:
        self._archive, self._room = desk.archive, room

    def put(self, data: bytes) -> str:
        self._room -= 1
        if self._room < 0:
            raise StorageFull("The archive's disk did not take the object; make room on it.")
        return self._archive.put(data)


def test_an_import_that_broke_off_leaves_no_set_and_completes_when_run_again(desk: Desk) -> None:
    a_folder(desk.folder, 2)
    with pytest.raises(StorageFull):
        desk.take(archive=_FullDisk(desk, 5))
    with desk.database.begin() as uow:
        assert uow.case_sets.lines() == []
    assert desk.objects() == 5
    report = desk.take()

    assert (report.new, report.images, desk.objects()) == (True, 8, 8)


@pytest.mark.parametrize("changes", [{"title": "SA12 part 2"}, {"study_date": date(2026, 1, 5)}])
def test_another_set_under_a_prefix_in_use_is_refused(
    changes: dict[str, object], desk: Desk
) -> None:
    a_folder(desk.folder, 1)
    first = desk.take()

    with pytest.raises(RefusedInput, match="under another prefix"):
        desk.take(**changes)
    with desk.database.begin() as uow:
        assert uow.case_sets.get("PERFORMS121") == first.passport


def test_other_images_under_a_prefix_in_use_are_refused(desk: Desk) -> None:
    a_folder(desk.folder, 1)
    desk.take()
    write(a_mammogram(study=2), desk.folder / "more.dcm")

    with pytest.raises(RefusedInput, match="under another prefix"):
        desk.take()


def test_the_same_images_make_two_sets_with_nothing_in_common(desk: Desk) -> None:
    a_folder(desk.folder, 1)
    one, two = desk.take().passport, desk.take(set_name=SetName(12, 2)).passport
    uids = [{i.sop_instance_uid for i in passport.cases[0].instances()} for passport in (one, two)]

    assert uids[0].isdisjoint(uids[1])
    assert one.cases[0].birth_date != two.cases[0].birth_date


def test_progress_is_told_image_by_image(desk: Desk) -> None:
    a_folder(desk.folder, 2)
    told: list[tuple[int, int]] = []
    desk.take(progress=lambda done, total: told.append((done, total)))

    assert told == [(n, 8) for n in range(1, 9)]


def test_missing_series_and_instance_numbers_are_given_in_order_of_acquisition(
    desk: Desk,
) -> None:
    for at, (name, second) in enumerate((("b", 1), ("a", 2)), 1):
        ds = a_mammogram(image=at, AcquisitionTime=f"10170{second}", InstanceNumber="")
        ds.SeriesInstanceUID, ds.SeriesNumber = f"{ROOT}.1.9", None
        write(ds, desk.folder / f"{name}.dcm")
    (series,) = desk.take().passport.cases[0].studies[0].series

    assert series.series_number == 1
    assert [(i.instance_number, i.sop_instance_uid) for i in series.instances] == [
        (1, uid_of(f"{ROOT}.1.1.1")),
        (2, uid_of(f"{ROOT}.1.2.1")),
    ]


def test_a_side_that_only_the_series_says_is_written_on_the_image(desk: Desk) -> None:
    write(a_mammogram(ImageLaterality=None, Laterality="L"), desk.folder / "a.dcm")
    (image,) = desk.take().passport.cases[0].instances()

    assert (image.laterality, desk.read(image).ImageLaterality) == ("L", "L")


def test_lists_hidden_files_and_media_directories_are_skipped(desk: Desk) -> None:
    a_folder(desk.folder, 1)
    for name in ("truth.json", "DICOMDIR", ".DS_Store", ".trash/old.dcm"):
        path = desk.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")

    assert desk.take().images == 4


def test_a_set_that_is_as_signed_passes_the_check(desk: Desk) -> None:
    a_folder(desk.folder, 2)
    write(a_tomosynthesis(StudyInstanceUID=f"{ROOT}.90", SeriesInstanceUID=f"{ROOT}.90.1",
                          SOPInstanceUID=f"{ROOT}.90.1.1"), desk.folder / "z.dcm")  # fmt: skip
    desk.take()
    found = checked(desk)

    assert found.whole
    assert [case.images for case in found.cases] == [4, 4, 1]


def checked(desk: Desk) -> object:
    return check_case_set(
        SET, begin=desk.database.begin, archive=desk.archive, key_passport=KEY_PASSPORT
    )


def test_the_check_names_changed_missing_and_exchanged_images(desk: Desk) -> None:
    a_folder(desk.folder, 2)
    passport = desk.take().passport
    first, second, third, *_ = (image for *_, image in passport.instances())
    desk.archive.path(first.content_hash).write_bytes(b"changed")
    desk.archive.path(second.content_hash).unlink()
    swapped = _exchanged(passport, third.sop_instance_uid)
    with desk.database.begin() as uow:
        uow.case_sets.remove("PERFORMS121")
        uow.case_sets.add(swapped)
    found = checked(desk)
    problems = "\n".join(found.cases[0].problems)

    assert not found.whole
    assert "bytes in the archive were changed" in problems
    assert "missing in the archive" in problems
    assert "not as signed: SOPInstanceUID, SeriesInstanceUID, side, view or size" in problems
    assert "changed after it was signed" in found.signature
    assert found.cases[1].problems == ()


def _exchanged(passport: Passport, uid: str) -> Passport:
    """A passport in which one image points at the bytes of another, not signed anew."""
    plain = passport.as_dict()
    images = [
        image
        for case in plain["cases"]
        for study in case["studies"]
        for series in study["series"]
        for image in series["instances"]
    ]
    one = next(image for image in images if image["sop_instance_uid"] == uid)
    one["content_hash"] = images[3]["content_hash"]
    return Passport.from_dict(plain)
