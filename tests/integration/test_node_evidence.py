"""Pictures of a screen and documents: kept where they name a case of ours, unread where not."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset

from pacs_bridge.services import held, receive_evidence
from pacs_bridge.services.held import Budget
from pacs_bridge.upper_layer.contract import Bounds
from tests.databases import TestDatabase
from tests.dcmtk import data_set_of, dcmtk
from tests.hostile.peer import Peer
from tests.mammograms import write
from tests.nodes import (
    OUR_IMAGE,
    OUR_STUDY,
    RunningNode,
    associated,
    encode,
    our_report,
    our_state,
    register,
    running_node,
    send,
    send_raw,
)
from tests.raw_peer import p_data, store_rq
from tests.resent import (
    A_ABORT,
    CAPTURE,
    DOCUMENT,
    a_capture,
    half_sent,
    image_node,
    queued,
    refusals,
    send_as_it_is,
    spooled,
    wait_for_spool,
)
from tests.waiting import wait_until

SUCCESS, ALIEN, TRY_AGAIN, NEVER, CONFLICT = 0, 0x0124, 0xA700, 0xC000, 0xC001
UID = "1.2.3.7.1"


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node that knows case PERFORMS121101."""
    with image_node(database, tmp_path) as running:
        yield running


def received(node: RunningNode, uid: str = UID) -> Any:
    with node.database.begin() as uow:
        return uow.objects.find(uid)


def a_document(**changes: Any) -> Dataset:
    """An encapsulated document about case PERFORMS121101."""
    told = {"SOPClassUID": DOCUMENT, "EncapsulatedDocument": b"%PDF-1.7" * 100, **changes}
    ds = a_capture(**told)
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated"):
        delattr(ds, keyword)
    return ds


def naming_nothing(**changes: Any) -> dict[str, Any]:
    return {"StudyInstanceUID": "1.9.1", "AccessionNumber": "RX000417", **changes}


def a_reference(uid: str = OUR_IMAGE) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.2", uid
    return item


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (a_capture, {}),
        (a_document, naming_nothing(AccessionNumber="PERFORMS121101")),
        (a_capture, naming_nothing(SourceImageSequence=[a_reference()])),
        (a_document, naming_nothing(StudyInstanceUID=OUR_STUDY)),
    ],
    ids=["study and no number", "number", "reference", "study"],
)
def test_what_names_a_case_is_kept_and_queued(node: RunningNode, build, names: Any) -> None:
    ds = build(**names)
    assert send(node.port, ds).Status == SUCCESS
    row = received(node)
    assert (row.state, row.accession, row.image) == ("received", "PERFORMS121101", None)
    assert queued(node) == [("extract", (UID,))]
    [path] = node.files()
    assert data_set_of(path) == encode(ds)
    assert path == node.archive.path(row.content_hash)


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("pdu", ["16384", "131072"])
def test_a_large_capture_goes_to_the_disk_byte_for_byte(
    node: RunningNode, tmp_path: Path, pdu: str
) -> None:
    path = write(a_capture(rows=2000, columns=1500), tmp_path / "sent.dcm")
    dcmtk(
        "storescu", node.port, "-aet", "HOSPITAL", "--max-send-pdu", pdu, str(path),
        called="PACSBRIDGE",
    )  # fmt: skip
    [kept] = node.files()
    assert data_set_of(kept) == data_set_of(path)
    assert pydicom.dcmread(kept).SOPInstanceUID == UID


@pytest.mark.parametrize("rows", [10, 1500], ids=["small", "larger than the window"])
def test_what_names_none_leaves_a_row_and_no_byte(
    node: RunningNode, tmp_path: Path, rows: int
) -> None:
    ds = a_capture(**naming_nothing(SOPInstanceUID="1.9.9.7", PatientName="PLANTED^SURNAME"),
                   rows=rows, columns=1000)  # fmt: skip
    assert send(node.port, ds).Status == ALIEN
    [refusal] = refusals(node.database)
    assert (refusal.kind, refusal.size, len(refusal.keyed_hash)) == ("alien", len(encode(ds)), 64)
    assert node.files() == []
    assert node.log.flush(60)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert b"PLANTED" not in path.read_bytes()
        assert b"1.9.9.7" not in path.read_bytes()


def test_nothing_is_on_the_disk_before_it_is_known_whose_it_is(node: RunningNode) -> None:
    head = naming_nothing(PatientName="PLANTED^SURNAME")
    with Peer(node.port).associate(CAPTURE) as talk:
        talk.connection.sendall(p_data(store_rq(CAPTURE, UID), is_command=True, last=True))
        data = encode(a_capture(**head, rows=1, columns=1))
        talk.connection.sendall(p_data(data[:-20], is_command=False, last=False))
        assert wait_until(node.rows, "the association")
        assert node.files() == []
        assert talk.ask(p_data(data[-20:], is_command=False, last=True)) == ALIEN
    assert node.files() == []


def test_one_that_breaks_off_leaves_nothing(node: RunningNode) -> None:
    with half_sent(node.port, UID, CAPTURE) as talk:
        wait_for_spool(node)
        talk.connection.sendall(A_ABORT)
        wait_until(lambda: not node.files(), "the spool to be empty")
    assert received(node) is None
    assert send(node.port, a_capture()).Status == SUCCESS


def test_the_same_again_is_success_and_other_content_is_a_conflict(node: RunningNode) -> None:
    for _ in range(2):
        assert send(node.port, a_capture()).Status == SUCCESS
    assert len(node.files()) == 1
    assert send(node.port, a_capture(PatientComments="other")).Status == CONFLICT
    [refusal] = refusals(node.database)
    assert refusal.kind == "conflict"
    assert node.archive.has(refusal.content_hash)
    assert len(node.files()) == 2
    assert len(queued(node)) == 1


def test_compressed_ones_are_compared_by_their_fragments(node: RunningNode) -> None:
    def compressed(*fragments: bytes) -> bytes:
        ds = a_capture()
        del ds.PixelData
        items = b"".join(
            struct.pack("<HHL", 0xFFFE, 0xE000, len(each)) + each for each in (b"", *fragments)
        )
        head = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF)
        return encode(ds) + head + items + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)

    jpeg = "1.2.840.10008.1.2.4.50"
    with associated(node.port, CAPTURE, syntaxes=[jpeg]) as association:
        statuses = [
            send_raw(association, a_capture(), data=compressed(*each)).Status
            for each in ((b"one", b"twoo"), (b"one", b"twoo"), (b"one", b"thre"))
        ]
    assert statuses == [SUCCESS, SUCCESS, CONFLICT]


def test_a_damaged_one_is_refused(node: RunningNode) -> None:
    data = encode(a_capture(rows=1000, columns=1000))
    assert send_as_it_is(node.port, CAPTURE, UID, data[:-4]) == NEVER
    assert refusals(node.database)[0].kind == "unreadable"
    assert node.files() == []


def test_a_text_too_long_to_be_compared_is_refused(node: RunningNode) -> None:
    ds = a_capture()
    del ds.PixelData
    data = encode(ds) + struct.pack("<HH2sHL", 0x4008, 0x0300, b"UT", 0, (1 << 20) + 2)
    assert send_as_it_is(node.port, CAPTURE, UID, data) == NEVER
    assert "more than 1 MB" in refusals(node.database)[0].reason


def test_marks_that_no_memory_is_left_for_are_try_again_and_small_ones_always_fit(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "SMALL", 16 << 10)
    register(database)
    bounds = Bounds(undecided_bytes=64 << 10)
    large = our_report()
    large.add_new(0x00091001, "UN", bytes(200_000))
    large.add_new(0x00090010, "LO", "PRIVATE")
    with running_node(database, tmp_path, bounds=bounds, streams={"small": 16 << 10}) as node:
        answer = send(node.port, large)
        assert (answer.Status, "send again later" in answer.ErrorComment) == (TRY_AGAIN, True)
        [refusal] = refusals(database)
        assert (refusal.kind, refusal.status) == ("crowded", TRY_AGAIN)
        with ExitStack() as stack:
            talk = stack.enter_context(Peer(node.port).associate(str(large.SOPClassUID)))
            request = store_rq(str(large.SOPClassUID), "1.2.3.9.8")
            talk.connection.sendall(p_data(request, is_command=True, last=True))
            talk.connection.sendall(p_data(encode(large)[:70_000], is_command=False, last=False))
            assert send(node.port, our_state()).Status == SUCCESS
        medium = our_report()
        medium.add_new(0x00090010, "LO", "PRIVATE")
        medium.add_new(0x00091001, "UN", bytes(40_000))
        wait_until(  # once what the other held was given back
            lambda: send(node.port, medium).Status == SUCCESS, "room for a larger one"
        )


def test_evidence_that_no_memory_is_left_for_is_try_again(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "SMALL", 16 << 10)
    with image_node(database, tmp_path, undecided=Budget(64 << 10)) as node:
        unknown = naming_nothing()
        assert send(node.port, a_capture(**unknown, rows=300, columns=300)).Status == TRY_AGAIN
        assert send(node.port, a_capture(rows=300, columns=300)).Status == SUCCESS
        assert send(node.port, a_capture(**unknown)).Status == ALIEN
    assert spooled(node) == []


def test_the_window_is_what_the_statement_says() -> None:
    assert receive_evidence.WINDOW == 1 << 20
