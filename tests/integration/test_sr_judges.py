"""Other people's programs judge the objects we write; and they do fail what is wrong."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pydicom
import pytest

from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.sr import codes
from pacs_bridge.sr.write import header, write_gsps, write_report
from tests.peers import need, need_data
from tests.unit.sr_builders import LCC, RCC, RMLO, four_views

DECISIONS = (BreastDecision("R", "RTS", 1), BreastDecision("L", "RECALL", 4, "c"))
WHO = {
    "login": "READER1", "name": "Doe^Jane", "series_uid": "2.25.50", "sop_uid": "2.25.51",
    "when": datetime(2024, 1, 2, 10, 15, tzinfo=UTC),
}  # fmt: skip
MARKS = (
    Mark(RCC, None, "ELLIPSE", ((60, 80), (100, 80), (80, 70), (80, 90)), (80, 80), codes.MASS, 4),
    Mark(LCC, None, "POINT", ((12.5, 30.5),), (12.5, 30.5), codes.CALCIFICATIONS, 3),
    Mark(RMLO, None, "POLYGON", ((0, 0), (9, 0), (9, 9), (0, 0)), (6, 3), None, None),
    Mark(RMLO, None, "CIRCLE", ((50, 50), (60, 50)), (50, 50), codes.DISTORTION, 5),
)  # fmt: skip


@pytest.fixture
def state(tmp_path):
    return saved(write_gsps(four_views(), MARKS, DECISIONS, **WHO), tmp_path / "state.dcm")


@pytest.fixture
def report(tmp_path):
    ds = write_report(four_views(), MARKS, DECISIONS, session="PERFORMS121", **WHO)
    return saved(ds, tmp_path / "report.dcm")


def saved(ds, path):
    ds.save_as(path, enforce_file_format=True)
    return path


def said_by(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def errors_of_dciodvfy(path):
    _, said = said_by(need("dciodvfy", "dicom3tools"), path)
    return [line for line in said.splitlines() if line.startswith("Error")]


def test_dciodvfy_finds_no_error_in_either(state, report):
    assert errors_of_dciodvfy(state) == []
    assert errors_of_dciodvfy(report) == []


def test_dciodvfy_does_find_what_is_missing(state, report):
    for path, keyword in ((state, "PresentationCreationDate"), (report, "CompletionFlag")):
        ds = pydicom.dcmread(path)
        delattr(ds, keyword)
        assert errors_of_dciodvfy(saved(ds, path))


def test_dcmpschk_passes_the_state_and_no_broken_one(state):
    check = need("dcmpschk", "dcmtk")
    assert "Test passed" in said_by(check, state)[1]
    ds = pydicom.dcmread(state)
    del ds.DisplayedAreaSelectionSequence
    assert "Test passed" not in said_by(check, saved(ds, state))[1]


def test_dsrdump_reads_the_report_whole(report):
    code, said = said_by(need("dsrdump", "dcmtk"), report)
    assert code == 0
    assert said.count("SCOORD:") == len(MARKS)
    assert said.count("Recommended Follow-up") == len(DECISIONS)
    assert 'Login Name")="READER1"' in said


@pytest.mark.parametrize(
    "image", ["dicom/fo_dicom/GH133.dcm", "dicom/medcognetics/tests__jpeg2k_3d.dcm"]
)
def test_real_mammograms_can_be_marked(image, tmp_path):
    real = header(pydicom.dcmread(need_data(image), stop_before_pixels=True))
    real.PatientBirthDate = ""  # the real one holds no date
    mark = Mark(
        str(real.SOPInstanceUID), 2 if "NumberOfFrames" in real else None, "POINT",
        ((10.5, 20.5),), (10.5, 20.5), codes.MASS, 4,
    )  # fmt: skip
    for number, write in enumerate((write_gsps, write_report)):
        ds = write([real], [mark], DECISIONS, **WHO)
        assert errors_of_dciodvfy(saved(ds, tmp_path / f"{number}.dcm")) == []


def test_a_state_keeps_the_look_of_an_image_that_has_tables_only(tmp_path):
    real = header(pydicom.dcmread(need_data("dicom/fo_dicom/GH133.dcm"), stop_before_pixels=True))
    real.PatientBirthDate = ""
    del real.WindowCenter, real.WindowWidth
    ds = write_gsps([real], [], DECISIONS, **WHO)
    assert errors_of_dciodvfy(saved(ds, tmp_path / "state.dcm")) == []
    tables = ds.SoftcopyVOILUTSequence[0].VOILUTSequence
    assert [table.LUTExplanation for table in tables] == ["NORMAL", "HARDER", "SOFTER"]


def test_a_state_over_images_with_several_windows_shows_their_first(tmp_path):
    views = four_views()
    for view in views:
        view.WindowCenter, view.WindowWidth = ["1900", "2100"], ["3600", "2600"]
        view.WindowCenterWidthExplanation = ["NORMAL", "HARDER"]
    path = saved(write_gsps(views, MARKS, DECISIONS, **WHO), tmp_path / "state.dcm")
    (look,) = pydicom.dcmread(path).SoftcopyVOILUTSequence
    assert (look.WindowCenter, look.WindowWidth) == (1900, 3600)
    assert "Test passed" in said_by(need("dcmpschk", "dcmtk"), path)[1]
    assert errors_of_dciodvfy(path) == []
