"""A reading as it is kept for study: a report of the standard, read back and judged by others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import BreastDecision, Code, Mark
from pacs_bridge.domain.reading import Reading
from pacs_bridge.services.reports import Keeper, export_readings
from pacs_bridge.sr import codes
from pacs_bridge.sr.canonical import CanonicalReading, Earlier, write_canonical
from pacs_bridge.sr.read import read_object
from tests.builders import NOON
from tests.case_set_builders import KEY_UID, SET, Desk
from tests.case_set_builders import desk as desk
from tests.integration.test_sr_judges import errors_of_dciodvfy, said_by, saved
from tests.mammograms import a_folder
from tests.peers import PIXELMED_JAR, need
from tests.unit.sr_builders import LCC, RCC, RMLO, four_views

BREASTS = (BreastDecision("R", "RECALL", 4, "c"), BreastDecision("L", "RTS"))
MARKS = (
    Mark(RCC, None, "ELLIPSE", ((60, 80), (100, 80), (80, 70), (80, 90)), (80, 80), codes.MASS, 4,
         "typed by Dr Doe", "R", "CC", tracking_uid="1.2.3.77"),
    Mark(LCC, None, "POINT", ((12.5, 30.5),), (12.5, 30.5), codes.CALCIFICATIONS, 3, "", "L", "CC"),
    Mark(RMLO, None, "POLYGON", ((0, 0), (9, 0), (9, 9), (0, 0)), (6, 3), None, None, "", "R"),
    Mark(RMLO, None, "CIRCLE", ((50, 50), (60, 50)), (50, 50), codes.DISTORTION, 5, "", "R"),
)  # fmt: skip
READING = CanonicalReading("PERFORMS121101-R001", 1, "PERFORMS121", "R001", MARKS, BREASTS, NOON)


def uid_of(text: str) -> str:
    """A UID for a text, as the installation makes them."""
    from pacs_bridge.deid.uids import UidMap

    return UidMap(KEY_UID, "PERFORMS121")(text)


def written(reading: CanonicalReading = READING, *before: Earlier) -> pydicom.Dataset:
    [document] = write_canonical(reading, four_views(), uid_of, before)
    return document


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return saved(written(), tmp_path / "reading.dcm")


def test_our_own_reader_gives_the_same_marks_and_decisions_back(report: Path) -> None:
    read = read_object(pydicom.dcmread(report))
    assert read.refused is None
    assert sorted(read.breasts, key=str) == sorted(BREASTS, key=str)
    for mark, back in zip(MARKS, read.marks, strict=True):
        assert (back.image, back.shape, back.points) == (mark.image, mark.shape, mark.points)
        assert back.rating == mark.rating
        assert codes.key(back.finding) == codes.key(mark.finding or codes.OTHER_FINDING)
    assert read.marks[0].tracking_uid == "1.2.3.77"
    assert (read.observer.login, read.observer.name) == ("R001", "R001")
    assert read.observed_at == NOON


def test_what_a_reader_typed_is_not_in_it(tmp_path: Path) -> None:
    typed = Code("CORNERSTONEFREETEXT", "CORNERSTONEJS", "seen with Dr Doe")
    meant = replace(codes.MASS, meaning="Dr Doe's mass")
    marks = (replace(MARKS[0], finding=typed), replace(MARKS[0], finding=meant))
    content = saved(written(replace(READING, marks=marks)), tmp_path / "r.dcm").read_bytes()
    assert b"Doe" not in content
    assert b"Mammographic breast mass" in content


def test_a_reading_is_written_the_same_each_time_and_a_revision_names_the_one_before() -> None:
    one, again = written(), written()
    assert one == again
    before = Earlier(one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID)
    next_one = written(replace(READING, revision=2), before)
    assert next_one.SOPInstanceUID != one.SOPInstanceUID
    assert next_one.SeriesInstanceUID == one.SeriesInstanceUID
    assert read_object(next_one).predecessors == (one.SOPInstanceUID,)


def test_another_installation_s_key_makes_other_uids() -> None:
    from pacs_bridge.deid.uids import UidMap

    [other] = write_canonical(READING, four_views(), UidMap(b"k" * 32, "PERFORMS121"))
    assert other.SOPInstanceUID != written().SOPInstanceUID


def test_a_confirmed_blob_of_a_bitmap_is_written_as_its_box() -> None:
    blob = Mark(RCC, None, "BITMAP", ((10, 20), (30, 50)), (19, 33), None, 4, "", "R")
    [back] = read_object(written(replace(READING, marks=(blob,)))).marks
    assert back.points == ((10, 20), (30, 20), (30, 50), (10, 50), (10, 20))


def test_a_mark_on_no_image_of_the_case_is_refused_rather_than_lost() -> None:
    stray = replace(MARKS[0], image="1.2.3.999")
    with pytest.raises(RefusedInput, match="no image of the case"):
        written(replace(READING, marks=(stray,)))


def test_dciodvfy_passes_it_and_no_broken_one(report: Path) -> None:
    assert errors_of_dciodvfy(report) == []
    broken = pydicom.dcmread(report)
    del broken.VerificationFlag
    assert errors_of_dciodvfy(saved(broken, report))


def test_dciodvfy_passes_a_revision_that_names_the_one_before(tmp_path: Path) -> None:
    before = Earlier("1.2.3", "1.2.3.1", "1.2.3.1.1")
    path = saved(written(replace(READING, revision=2), before), tmp_path / "second.dcm")
    assert errors_of_dciodvfy(path) == []


def test_dsrdump_reads_it_whole_and_no_broken_one(report: Path) -> None:
    dump = need("dsrdump", "dcmtk")
    code, said = said_by(dump, report)
    assert code == 0
    assert said.count("SCOORD:") == len(MARKS)
    assert said.count("Recommended Follow-up") == len(BREASTS)
    broken = pydicom.dcmread(report)
    del broken.ContentSequence[0].ValueType
    code, said = said_by(dump, saved(broken, report))
    assert code != 0 or said.count("SCOORD:") < len(MARKS)


def said_by_pixelmed(report: Path) -> str:
    _, said = said_by(
        need("java", "default-jre-headless"),
        "-Djdk.xml.xpathExprOpLimit=0", "-Djdk.xml.xpathTotalOpLimit=0",
        "-Djdk.xml.xpathExprGrpLimit=0", "-cp", need(PIXELMED_JAR, "libpixelmed-java"),
        "com.pixelmed.validate.DicomSRValidator", report,
    )  # fmt: skip
    return said


def test_pixelmed_finds_the_template_kept_but_for_one_planted_fault(tmp_path: Path) -> None:
    planted = written()
    item = next(
        item
        for item in planted.ContentSequence[-1].ContentSequence[0].ContentSequence
        if item.ValueType == "SCOORD"
    )
    item.RelationshipType = "HAS PROPERTIES"
    said = said_by_pixelmed(saved(planted, tmp_path / "planted.dcm"))
    assert "Found Root Template TID_1500" in said
    [error] = [line for line in said.splitlines() if "Error" in line]
    assert "Incorrect relationship - expected CONTAINS" in error


def close(desk: Desk, marks: tuple[Mark, ...], revision: int = 1) -> None:
    """Close reader R001's reading of case 101."""
    reading = Reading(
        "PERFORMS121101-R001", revision, "PERFORMS121", "PERFORMS121101", "R001", marks, BREASTS,
        ("1.2.3.1",), NOON,
    )  # fmt: skip
    with desk.database.begin() as uow:
        if revision == 1:
            uow.readers.add("R001", NOON)
        uow.readings.touch(
            reading_uid=reading.reading_uid, set_name=reading.set_name, reader="R001",
            accession=reading.accession, kind="test", pacs="", now=NOON,
        )  # fmt: skip
        uow.readings.close(reading, "closed", NOON)
        uow.outbox.add(reading, reading.content_hash(), NOON)


def test_every_closed_reading_of_a_set_is_exported_with_the_case_s_own_images(
    desk: Desk, tmp_path: Path
) -> None:
    a_folder(desk.folder, 2)
    desk.take()
    with desk.database.begin() as uow:
        case = next(c for c in uow.case_sets.get(str(SET)).cases if c.kind == "test")
    image = next(case.instances())
    mark = Mark(image.sop_instance_uid, None, "POINT", ((3.5, 4.5),), (3.5, 4.5), None, 4)
    close(desk, (mark,))
    keeper = Keeper(desk.database.begin, desk.archive, desk.database.clock, KEY_UID)
    done = export_readings(SET, tmp_path / "out", keeper=keeper)
    [path] = done.written
    assert (path.name, done.refused) == ("PERFORMS121101-R001-1.dcm", ())
    first = path.read_bytes()
    report = pydicom.dcmread(path)
    assert report.AccessionNumber == report.PatientID == "PERFORMS121101"
    assert report.StudyInstanceUID == case.studies[0].study_instance_uid
    [back] = read_object(report).marks
    assert (back.image, back.points) == (image.sop_instance_uid, ((3.5, 4.5),))
    assert export_readings(SET, tmp_path / "out", keeper=keeper).written == (path,)
    assert path.read_bytes() == first
    assert errors_of_dciodvfy(path) == []

    close(desk, (replace(mark, points=((9999.0, 4.5),)),), revision=2)
    done = export_readings(SET, tmp_path / "out", keeper=keeper)
    assert done.written == ()
    [(reading, why)] = done.refused
    assert reading == "PERFORMS121101-R001"
    assert "outside" in why
