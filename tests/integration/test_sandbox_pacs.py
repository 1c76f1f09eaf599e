"""The sandbox PACS to DCMTK's programs: it keeps what came, finds it, and gives it back."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from pacs_bridge.domain.errors import RefusedInput
from tests.dcmtk import attempt, data_set_of, dcmtk, found
from tests.hospital import (
    KEY_OBJECT,
    REPORT,
    STATE,
    a_hospital,
    a_mark,
    four_views,
    marks,
    send,
    status_of,
)
from tests.mammograms import ROOT, TOMOSYNTHESIS, a_mammogram, a_tomosynthesis, write
from tests.peers import free_port

MISMATCH, CANNOT_UNDERSTAND = 0xA900, 0xC000


def kept(store: Path, uid: str) -> Path:
    return store / "objects" / f"{hashlib.sha256(uid.encode()).hexdigest()}.dcm"


def test_it_answers_an_echo():
    with a_hospital() as pacs:
        assert "Received Echo Response (Success)" in dcmtk("echoscu", pacs.port)


def test_every_kind_is_kept_byte_for_byte_under_a_hash_of_its_uid(tmp_path):
    sent = [
        *four_views(tmp_path / "in"),
        write(a_tomosynthesis(SOPInstanceUID=f"{ROOT}.1.5.1"), tmp_path / "in" / "bto.dcm"),
        *(write(a_mark(n, kind), tmp_path / "in" / f"m{n}.dcm")
          for n, kind in enumerate((STATE, REPORT, KEY_OBJECT))),
    ]  # fmt: skip
    with a_hospital(tmp_path / "pacs") as pacs:
        dcmtk("storescu", pacs.port, "-R", "+sd", str(tmp_path / "in"))
        kinds = {entry.sop_class_uid for entry in pacs.objects()}
    assert kinds > {TOMOSYNTHESIS, STATE, REPORT, KEY_OBJECT}
    assert len(list((tmp_path / "pacs" / "objects").iterdir())) == len(sent)
    for path in sent:
        stored = kept(tmp_path / "pacs", pydicom.dcmread(path).SOPInstanceUID)
        assert data_set_of(stored) == data_set_of(path)


@pytest.mark.parametrize(
    ("syntax", "option"),
    [
        (JPEGLosslessSV1, "s"),
        (JPEG2000Lossless, "v"),
        (JPEGLSLossless, "t"),
        (RLELossless, "r"),
    ],
)
def test_compressed_images_come_and_go_as_they_are(tmp_path, syntax, option):
    image = a_mammogram(PixelData=encapsulate([b"\xff\xd8not looked at\xff\xd9"]))
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    path = write(image, tmp_path / "in" / "1.dcm", syntax)
    (tmp_path / "out").mkdir()
    with a_hospital() as pacs:
        dcmtk("storescu", pacs.port, f"-x{option}", str(path))
        assert pacs.objects()[0].transfer_syntax_uid == syntax
        words = ["-S", f"+x{option}", "+B", "-od", str(tmp_path / "out")]
        dcmtk("getscu", pacs.port, *words, *study_key())
    [back] = (tmp_path / "out").iterdir()
    assert pydicom.dcmread(back).file_meta.TransferSyntaxUID == syntax
    assert data_set_of(back) == data_set_of(path)


def study_key(*studies: int) -> list[str]:
    uids = "\\".join(f"{ROOT}.{number}" for number in studies or (1,))
    return ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={uids}"]


def test_a_viewer_that_takes_no_compression_gets_the_pixels_uncompressed(tmp_path):
    image = a_mammogram(rows=64, columns=50)
    pixels = image.PixelData
    path = write(image, tmp_path / "plain.dcm")
    compressed = pydicom.dcmread(path)
    compressed.compress(RLELossless, generate_instance_uid=False)
    compressed.save_as(tmp_path / "rle.dcm")
    (tmp_path / "out").mkdir()
    with a_hospital() as pacs:
        dcmtk("storescu", pacs.port, "-xr", str(tmp_path / "rle.dcm"))
        assert pacs.objects()[0].transfer_syntax_uid == RLELossless
        dcmtk("getscu", pacs.port, "-S", "-od", str(tmp_path / "out"), *study_key())
    [back] = (tmp_path / "out").iterdir()
    assert pydicom.dcmread(back).PixelData == pixels
    assert pydicom.dcmread(back).SOPInstanceUID == image.SOPInstanceUID


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A PACS with three women of four views, and a presentation state of the first."""
    folder = tmp_path_factory.mktemp("filled")
    with a_hospital() as pacs:
        for study in (1, 2, 3):
            four_views(folder / "in", study)
        write(a_mark(1), folder / "in" / "mark.dcm")
        dcmtk("storescu", pacs.port, "-R", "+sd", str(folder / "in"))
        yield pacs


def test_a_study_is_found_by_accession_with_counts_modalities_and_availability(filled, tmp_path):
    [answer] = found(
        tmp_path, filled.port, "STUDY", "AccessionNumber=RVX0000001", "StudyInstanceUID",
        "ModalitiesInStudy", "NumberOfStudyRelatedInstances", "NumberOfStudyRelatedSeries",
        "InstanceAvailability", "PatientName",
    )  # fmt: skip
    assert answer.StudyInstanceUID == f"{ROOT}.1"
    assert sorted(answer.ModalitiesInStudy) == ["MG", "PR"]
    assert (answer.NumberOfStudyRelatedInstances, answer.NumberOfStudyRelatedSeries) == (5, 5)
    assert (answer.InstanceAvailability, answer.RetrieveAETitle) == ("ONLINE", "HOSPITAL")
    assert answer.PatientName == "Winterbottom^Ermintrude"


@pytest.mark.parametrize(
    ("key", "studies"),
    [
        ("AccessionNumber=RVX0000002", {2}),
        ("AccessionNumber=RVX000000?", {1, 2, 3}),
        ("AccessionNumber=*3", {3}),
        ("AccessionNumber=RVX000000", set()),
        ("AccessionNumber=", {1, 2, 3}),
        (f"StudyInstanceUID={ROOT}.1\\{ROOT}.3", {1, 3}),
        (f"StudyInstanceUID={ROOT}.*", set()),
        ("ModalitiesInStudy=PR", {1}),
        ("ModalitiesInStudy=MG\\CT", {1, 2, 3}),
        ("ModalitiesInStudy=CT", set()),
        ("PatientName=winterbottom*", {1, 2, 3}),
        ("PatientID=9434765102", {2}),
        ("StudyDate=20190303-20190304", {2, 3}),
        ("StudyDate=20190304-", {3}),
        ("StudyDate=-20190302", {1}),
    ],
)
def test_studies_match_as_the_standard_says(filled, tmp_path, key, studies):
    answers = found(tmp_path, filled.port, "STUDY", key)
    assert {answer.StudyInstanceUID for answer in answers} == {f"{ROOT}.{n}" for n in studies}


def test_series_and_images_are_found_below_their_study(filled, tmp_path):
    study = f"StudyInstanceUID={ROOT}.1"
    counts = "NumberOfSeriesRelatedInstances"
    series = found(tmp_path, filled.port, "SERIES", study, "Modality", counts)
    assert sorted(each.Modality for each in series) == ["MG", "MG", "MG", "MG", "PR"]
    assert {each.NumberOfSeriesRelatedInstances for each in series} == {1}
    below = f"SeriesInstanceUID={ROOT}.1.2"
    [image] = found(tmp_path, filled.port, "IMAGE", study, below, "Rows", "InstanceNumber")
    assert (image.SOPInstanceUID, image.Rows) == (f"{ROOT}.1.2.1", 12)


def test_the_patient_root_finds_patients(filled, tmp_path):
    answers = found(tmp_path, filled.port, "PATIENT", "PatientID=943*", model="-P")
    assert {answer.PatientID for answer in answers} == {f"943476510{n}" for n in (1, 2, 3)}


@pytest.mark.parametrize(
    ("operation", "level", "keys"),
    [
        ("1", "PATIENT", {}),
        ("1", "SERIES", {}),
        ("1", "SERIES", {"StudyInstanceUID": f"{ROOT}.1\\{ROOT}.2"}),
        ("1", "IMAGE", {"StudyInstanceUID": f"{ROOT}.1"}),
        ("3", "STUDY", {"AccessionNumber": "RVX0000001"}),
    ],
)
def test_a_question_without_the_keys_above_it_is_refused(filled, operation, level, keys):
    assert status_of(filled, operation, level, **keys) == MISMATCH


def test_a_get_brings_whole_studies_and_only_those(filled, tmp_path):
    dcmtk("getscu", filled.port, "-S", "-od", str(tmp_path), *study_key(1, 2))
    back = [pydicom.dcmread(path) for path in tmp_path.iterdir()]
    assert len(back) == 9
    assert {ds.StudyInstanceUID for ds in back} == {f"{ROOT}.1", f"{ROOT}.2"}


def test_a_get_of_one_image_brings_it_alone(filled, tmp_path):
    keys = [f"StudyInstanceUID={ROOT}.2", f"SeriesInstanceUID={ROOT}.2.3"]
    words = [word for key in (*keys, f"SOPInstanceUID={ROOT}.2.3.1") for word in ("-k", key)]
    dcmtk("getscu", filled.port, "-S", "-od", str(tmp_path), "-k", "QueryRetrieveLevel=IMAGE",
          *words)  # fmt: skip
    [back] = [pydicom.dcmread(path) for path in tmp_path.iterdir()]
    assert back.SOPInstanceUID == f"{ROOT}.2.3.1"


def test_implicit_and_explicit_images_reach_a_viewer_that_takes_one_of_them(tmp_path):
    implicit = four_views(tmp_path / "in", syntax=ImplicitVRLittleEndian)
    (tmp_path / "out").mkdir()
    with a_hospital() as pacs:
        dcmtk("storescu", pacs.port, "-xi", *map(str, implicit))
        assert {e.transfer_syntax_uid for e in pacs.objects()} == {ImplicitVRLittleEndian}
        dcmtk("getscu", pacs.port, "-S", "+xe", "-od", str(tmp_path / "out"), *study_key())
    back = [pydicom.dcmread(path) for path in (tmp_path / "out").iterdir()]
    assert {ds.PixelData for ds in back} == {pydicom.dcmread(p).PixelData for p in implicit}


def test_a_move_goes_to_a_destination_that_is_known(tmp_path):
    port = free_port()
    (tmp_path / "out").mkdir()
    four_views(tmp_path / "in")
    with a_hospital(know=(("VIEWER", "127.0.0.1", port),)) as pacs:
        dcmtk("storescu", pacs.port, "-R", "+sd", str(tmp_path / "in"))
        dcmtk(
            "movescu", pacs.port, "-S", "-aet", "VIEWER", "-aem", "VIEWER", "+P", str(port),
            "-od", str(tmp_path / "out"), *study_key(),
        )  # fmt: skip
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_a_move_to_an_unknown_destination_is_refused(filled):
    status, output = attempt("movescu", filled.port, "-S", "-aem", "ELSEWHERE", *study_key())
    assert status != 0
    assert "MoveDestinationUnknown" in output
    assert status_of(filled, "2", "STUDY", StudyInstanceUID=f"{ROOT}.1") == 0xA801


def test_what_it_has_survives_a_restart(tmp_path):
    store = tmp_path / "pacs"
    four_views(tmp_path / "in")
    with a_hospital(store) as pacs:
        dcmtk("storescu", pacs.port, "-R", "+sd", str(tmp_path / "in"))
        before = {entry.sop_instance_uid for entry in pacs.objects()}
    (store / "objects" / "half.part").write_bytes(b"of an object that was never answered")
    with a_hospital(store) as pacs:
        assert {entry.sop_instance_uid for entry in pacs.objects()} == before
        assert len(found(tmp_path / "f", pacs.port, "STUDY", f"StudyInstanceUID={ROOT}.1")) == 1
    assert len(before) == 4
    assert not list(store.rglob("*.part"))


def test_a_store_with_a_file_that_is_none_names_it(tmp_path):
    damaged = tmp_path / "objects" / "a.dcm"
    damaged.parent.mkdir()
    damaged.write_bytes(b"nothing of ours")
    with pytest.raises(RefusedInput, match=r"a\.dcm cannot be read"), a_hospital(tmp_path):
        pass


def test_an_object_that_is_here_stays_as_it_came_first(tmp_path):
    first, second = a_mark(1), a_mark(1)
    second.PatientName = "Somebody^Else"
    with a_hospital() as pacs:
        answers = send(pacs, first, second, folder=tmp_path)
        assert [answer.status for answer in answers] == [0, 0]
        assert [entry["PatientName"] for entry in pacs.objects()] == ["Winterbottom^Ermintrude"]


def test_an_identifier_that_is_none_makes_no_file(tmp_path):
    store = tmp_path / "deep" / "pacs"
    wild, other = a_mark(1), a_mark(2)
    for ds, keyword in ((wild, "SOPInstanceUID"), (other, "StudyInstanceUID")):
        ds[keyword] = DataElement(keyword, "UI", "../../evil", validation_mode=0)
    with a_hospital(store) as pacs:
        status = [answer.status for answer in send(pacs, other, folder=tmp_path / "in")]
        assert status == [CANNOT_UNDERSTAND]
        assert pacs.objects() == []
    assert list((store / "objects").iterdir()) == []
    assert not list(tmp_path.rglob("*evil*"))


def test_the_command_says_ready_and_ends_in_order(tmp_path):
    marks(tmp_path / "in", 3)
    command = [
        sys.executable, "-m", "pacs_bridge", "sandbox", "pacs", "--aet", "HOSPITAL",
        "--port", "0", "--store", str(tmp_path / "pacs"), "--quirk", "no-counts",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            role, address, _, pid = process.stdout.readline().split()[1:]
            host, port = address.split(":")
            dcmtk("storescu", int(port), "-R", "+sd", str(tmp_path / "in"))
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert (role, host, int(pid)) == ("sandbox-pacs", "127.0.0.1", process.pid)
    assert len(list((tmp_path / "pacs" / "objects").iterdir())) == 3


@pytest.mark.parametrize(
    "words", [["--forward", "NODE"], ["--know", "A@h:0"], ["--quirk", "moody"], ["--aet", "x" * 17]]
)
def test_the_command_refuses_what_it_cannot_use_with_one_line(words):
    command = [sys.executable, "-m", "pacs_bridge", "sandbox", "pacs", "--port", "0"]
    command += [] if "--aet" in words else ["--aet", "HOSPITAL"]
    done = subprocess.run(
        command + words, capture_output=True, text=True, timeout=180, env=os.environ
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pacs-bridge: ")
    assert done.stderr.count("\n") == 1
