"""Images of ours that a PACS sends back are taken as they arrive; of all others nothing is kept."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pydicom
import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.objects import Refusal
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.sandbox.orthanc import Modality
from pacs_bridge.upper_layer.prescan import scan
from tests.builders import a_case, a_passport, an_image
from tests.databases import TestDatabase, of_sqlite
from tests.dcmtk import data_set_of, dcmtk
from tests.hostile.peer import Peer
from tests.mammograms import MAMMOGRAM, a_tomosynthesis, write
from tests.nodes import (
    IMPLICIT,
    OUR_IMAGE,
    OUR_STUDY,
    RunningNode,
    associated,
    encode,
    our_state,
    send,
    send_raw,
)
from tests.orthanc import running_orthanc
from tests.peers import need_data
from tests.resent import (
    A_ABORT,
    A_CANCEL,
    half_sent,
    image_node,
    images,
    judge_all,
    load,
    our_image,
    queued,
    refusals,
    send_as_it_is,
    send_big,
    spooled,
    wait_for_spool,
    with_overlay,
)
from tests.waiting import wait_until

SUCCESS, ALIEN, TRY_AGAIN, NEVER, CONFLICT, MISMATCH = 0, 0x0124, 0xA700, 0xC000, 0xC001, 0xA900
AS_HOSPITAL = ("-aet", "HOSPITAL")
RAW = "1.2.840.10008.5.1.4.1.1.1.2.1"


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node into whose PACS case PERFORMS121101 was loaded."""
    with image_node(database, tmp_path) as running:
        yield running


def kept_bytes(node: RunningNode, number: int = 0) -> bytes:
    """The data set of one image that came back."""
    return data_set_of(node.archive.path(images(node.database)[number].content_hash))


def is_tidy(node: RunningNode) -> bool:
    """Whether nothing at all was kept."""
    return not node.files() and not images(node.database) and not queued(node)


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("pdu", ["16384", "131072"])
@pytest.mark.parametrize("program", ["storescu", "dcmsend"])
def test_an_image_of_ours_is_kept_byte_for_byte(
    node: RunningNode, tmp_path: Path, program: str, pdu: str
) -> None:
    path = write(our_image(rows=800, columns=640), tmp_path / "sent.dcm")
    output = dcmtk(
        program, node.port, *AS_HOSPITAL, "--max-send-pdu", pdu, str(path), called="PACSBRIDGE"
    )
    assert "0x0000" in output or "Success" in output
    [image] = images(node.database)
    assert (image.image, image.sop_class_uid, image.state) == (OUR_IMAGE, MAMMOGRAM, "received")
    assert (image.accession, image.caller.pacs) == ("PERFORMS121101", "hospital")
    assert kept_bytes(node) == data_set_of(path)
    assert image.size == len(data_set_of(path))
    assert queued(node) == [("came_back", (image.sop_instance_uid,))]
    assert judge_all(node) == ["read"]
    assert kept_bytes(node) == data_set_of(path)
    assert len(node.files()) == 1


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("pdu", ["16384", "131072"])
def test_a_real_compressed_mammogram_stays_compressed(
    database: TestDatabase, tmp_path: Path, pdu: str
) -> None:
    source = need_data("dicom/fo_dicom/GH133.dcm")
    uid = str(pydicom.dcmread(source, stop_before_pixels=True).SOPInstanceUID)
    case = a_case(105, studies=())
    study = a_case(105).studies[0]
    series = study.series[0]
    line = an_image(105, sop_instance_uid=uid)
    series = type(series)(series.series_instance_uid, 1, "MG", (line,))
    study = type(study)(study.study_instance_uid, "S105", "20260101", (series,))
    passport = type(a_passport())(
        "PERFORMS122", "Real", "PERFORMS", a_passport().created_at,
        (type(case)(**{**case.__dict__, "accession": "PERFORMS122105", "studies": (study,)}),),
    )  # fmt: skip
    with image_node(database, tmp_path) as node:
        with database.begin() as uow:
            uow.case_sets.add(passport)
        load(database, passport)
        dcmtk(
            "dcmsend", node.port, *AS_HOSPITAL, "--max-send-pdu", pdu, str(source),
            called="PACSBRIDGE",
        )  # fmt: skip
        [image] = images(database)
        assert image.transfer_syntax_uid == "1.2.840.10008.1.2.4.70"
        assert kept_bytes(node) == data_set_of(source)
        assert judge_all(node) == ["read"]


@pytest.mark.peer("orthanc")
def test_orthanc_sends_an_image_back(node: RunningNode, tmp_path: Path) -> None:
    path = write(our_image(rows=300, columns=200), tmp_path / "sent.dcm")
    bridge = Modality("bridge", "PACSBRIDGE", node.port)
    with running_orthanc(tmp_path / "pacs", bridge) as orthanc:
        dcmtk("dcmsend", orthanc.dicom_port, str(path), called=orthanc.ae_title)
        orthanc.post("/modalities/bridge/store", {"Resources": orthanc.get("/instances")})
    [image] = images(node.database)
    assert image.image == OUR_IMAGE
    assert kept_bytes(node) == data_set_of(path)


@pytest.mark.parametrize("implicit", [False, True])
def test_both_kinds_of_mammogram_and_tomosynthesis_are_taken(
    node: RunningNode, implicit: bool
) -> None:
    tomosynthesis = a_tomosynthesis(SOPInstanceUID="1.2.101.4.2", StudyInstanceUID=OUR_STUDY)
    sent = [our_image(), our_image("1.2.101.4.3", SOPClassUID=RAW), tomosynthesis]
    for ds in sent:
        syntaxes = [IMPLICIT] if implicit else ["1.2.840.10008.1.2.1"]
        with associated(node.port, str(ds.SOPClassUID), syntaxes=syntaxes) as association:
            assert send_raw(association, ds).Status == SUCCESS
    kept = {image.image: image.sop_class_uid for image in images(node.database)}
    assert kept == {str(ds.SOPInstanceUID): str(ds.SOPClassUID) for ds in sent}


def alien(refusal: Refusal) -> bool:
    return (refusal.kind, refusal.status, len(refusal.keyed_hash)) == ("alien", ALIEN, 64)


@of_sqlite
def test_an_image_of_another_woman_leaves_a_row_and_no_byte(
    node: RunningNode, tmp_path: Path
) -> None:
    ds = our_image("1.9.9.1", PatientName="PLANTED^SURNAME", PatientID="9434765919")
    assert send(node.port, ds).Status == ALIEN  # its study and number are ours, and do not count
    [refusal] = refusals(node.database)
    assert alien(refusal)
    assert refusal.size == len(encode(ds))
    assert is_tidy(node)
    assert node.log.flush(60)
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert found  # the database
    for path in found:
        content = path.read_bytes()
        for text in (b"PLANTED", b"9434765919", b"1.9.9.1"):
            assert text not in content, path


def test_an_image_of_a_set_that_was_not_loaded_into_this_pacs_is_alien(
    database: TestDatabase, tmp_path: Path
) -> None:
    with image_node(database, tmp_path) as node:
        other = a_passport(103)
        other = type(other)(**{**other.__dict__, "set_name": "PERFORMS121", "copy": 3})
        elsewhere = Endpoint("ELSEWHERE", "127.0.0.1", 105, ("store",))
        with database.begin() as uow:
            uow.case_sets.add(other)
            uow.pacs.put(Pacs("elsewhere", (elsewhere,), plain=True), database.clock())
            uow.loads.plan(other, "elsewhere", database.clock())
        assert send(node.port, our_image("1.2.103.4.1")).Status == ALIEN
        load(database, other)
        assert send(node.port, our_image("1.2.103.4.1")).Status == SUCCESS


def test_aliens_are_discarded_without_being_kept_in_memory_or_on_disk(node: RunningNode) -> None:
    with half_sent(node.port, uid="1.9.9.1") as talk:
        talk.connection.sendall(A_ABORT)
        wait_until(lambda: node.rows() and not node.files(), "the association's row")
    assert send_big(node.port, 3 << 20, uid="1.9.9.2") == ALIEN
    assert is_tidy(node)


@pytest.mark.parametrize("ending", [A_ABORT, A_CANCEL, b""], ids=["abort", "cancel", "hang up"])
def test_an_image_that_breaks_off_leaves_nothing(node: RunningNode, ending: bytes) -> None:
    with half_sent(node.port) as talk:
        wait_for_spool(node)
        talk.connection.sendall(ending)
        if not ending:
            talk.connection.close()
        wait_until(lambda: is_tidy(node), "the spool to be empty")
    assert refusals(node.database) == []
    assert send(node.port, our_image()).Status == SUCCESS


def test_a_stop_in_the_middle_leaves_nothing(database: TestDatabase, tmp_path: Path) -> None:
    with ExitStack() as stack:
        with image_node(database, tmp_path, grace=0.2) as node:
            stack.enter_context(half_sent(node.port))
            wait_for_spool(node)
        assert is_tidy(node)


def test_a_full_disk_in_the_middle_is_try_again_and_leaves_nothing(
    database: TestDatabase, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        archive = LocalArchive(small / "archive")
        with image_node(database, tmp_path, archive=archive) as node:
            assert send_big(node.port, 8 << 20) == TRY_AGAIN
            assert list(small.rglob("*.part")) == []
            [refusal] = refusals(database)
            assert (refusal.status, "make room" in refusal.reason) == (TRY_AGAIN, True)
            assert images(database) == []
            assert send_big(node.port, 1 << 20) == SUCCESS
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_some_of_the_disk_is_left_to_marks(database: TestDatabase, tmp_path: Path) -> None:
    with image_node(database, tmp_path, keep_free=1 << 60) as node:
        assert send(node.port, our_image()).Status == TRY_AGAIN
        assert node.files() == []
        assert send(node.port, our_state()).Status == SUCCESS


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        (lambda data: data[:-3], NEVER, "unreadable"),
        (lambda data: data + b"\x08\0\x08\0CS\2\0AB", NEVER, "unreadable"),
        (lambda data: data.replace(b"UI", b"ZZ", 1), NEVER, "unreadable"),
        (lambda data: data.replace(OUR_IMAGE.encode(), b"1.2.101.9.1", 1), MISMATCH, "mismatched"),
        (lambda data: data.replace(MAMMOGRAM.encode(), MAMMOGRAM[:-1].encode() + b"9", 1),
         MISMATCH, "mismatched"),
    ],
    ids=["cut short", "out of order", "no VR", "another UID", "another class"],
)  # fmt: skip
def test_a_damaged_image_is_refused_and_leaves_a_row(
    node: RunningNode, change, status: int, kind: str
) -> None:
    data = change(encode(our_image()))
    assert send_as_it_is(node.port, MAMMOGRAM, OUR_IMAGE, data) == status
    [refusal] = refusals(node.database)
    assert (refusal.kind, refusal.status) == (kind, status)
    assert is_tidy(node)


SEED = 20261122


def test_damaged_images_are_judged_as_marks_are_and_none_half_kept(node: RunningNode) -> None:
    sound = encode(with_overlay(our_image()), undefined=True)
    kept = 0
    with Peer(node.port).associate(MAMMOGRAM) as talk:
        for number in range(60):
            chance = random.Random(f"{SEED}-{number}")
            data = bytearray(sound)
            for _ in range(chance.randint(1, 3)):
                place = chance.randrange(min(len(data), 1500))
                data[place] = chance.choice((0, 1, 0xFF, 0xFE, 0xE0, chance.randrange(256)))
            piece = chance.choice((2, 50, 300, 16_000))
            status = talk.store(OUR_IMAGE, bytes(data), piece=piece)
            assert (status == SUCCESS) == is_sound(bytes(data)), number
            assert status in (SUCCESS, NEVER, MISMATCH), number
            kept += status == SUCCESS
        assert talk.release()
    assert kept > 5
    assert len(images(node.database)) == kept
    assert len(refusals(node.database)) == 60 - kept
    assert spooled(node) == []


def is_sound(data: bytes) -> bool:
    """Whether the check of whole objects takes it as the image that it is sent as."""
    try:
        found = scan(data, explicit=True)
        parse_uid(found.study_instance_uid or "1.2")
    except UnreadableObject:
        return False
    return (found.sop_class_uid, found.sop_instance_uid) == (MAMMOGRAM, OUR_IMAGE)


def test_an_image_over_the_limit_is_refused(database: TestDatabase, tmp_path: Path) -> None:
    with image_node(database, tmp_path, most_bytes=1 << 20) as node:
        assert send_big(node.port, 2 << 20) == NEVER
        assert refusals(database)[0].kind == "oversized"
        assert refusals(database)[0].size > 2 << 20
        assert is_tidy(node)
        assert send_big(node.port, 1 << 19) == SUCCESS


def test_nothing_is_taken_from_a_paused_pacs(node: RunningNode) -> None:
    with node.database.begin() as uow:
        uow.pacs.set_paused("hospital", paused=True)
    assert send(node.port, our_image()).Status == TRY_AGAIN
    assert refusals(node.database)[0].kind == "paused"
    assert is_tidy(node)


class BrokenArchive(LocalArchive):
    """Fails as only a bug of ours would."""

    is_broken = True

    def adopt(self, spooled: Path, content_hash: str) -> None:
        if self.is_broken:
            raise ZeroDivisionError
        super().adopt(spooled, content_hash)


def test_a_failure_of_our_own_is_answered_and_leaves_nothing(
    database: TestDatabase, tmp_path: Path
) -> None:
    archive = BrokenArchive(tmp_path / "archive")
    with image_node(database, tmp_path, archive=archive) as node:
        assert send(node.port, our_image()).Status == NEVER
        assert refusals(database)[0].kind == "failed"
        assert is_tidy(node)
        archive.is_broken = False
        assert send(node.port, our_image()).Status == SUCCESS


def test_an_association_counts_its_images(node: RunningNode) -> None:
    with associated(node.port, MAMMOGRAM) as association:
        assert send_raw(association, our_image()).Status == SUCCESS
        assert send_raw(association, our_image("1.9.9.1")).Status == ALIEN
    row = wait_until(lambda: next((r for r in node.rows() if r.ended_at), None), "its end")
    assert (row.stored, row.refused) == (1, 1)
