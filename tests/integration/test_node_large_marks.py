"""A mark of any size is taken as a small one is, and is never whole in memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from benchmarks.data import Encoded, Reports, a_passport
from benchmarks.our_node import AE_TITLE
from benchmarks.our_node import running_node as running_process
from benchmarks.wire import Call
from pacs_bridge.services.arrivals import SMALL
from tests.databases import TestDatabase
from tests.dcmtk import data_set_of, dcmtk
from tests.hostile.peer import Peer
from tests.integration.test_node_images_crash import peak_megabytes
from tests.nodes import (
    RunningNode,
    an_alien,
    as_file,
    encode,
    our_report,
    our_state,
    register,
    running_node,
    send,
)
from tests.raw_peer import p_data, store_rq
from tests.resent import refusals
from tests.waiting import wait_until

SUCCESS, ALIEN, NEVER, CONFLICT = 0, 0x0124, 0xC000, 0xC001
MB = 1 << 20
UID = "1.2.3.9.2"
ABOVE = SMALL + 1000


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node that knows case PERFORMS121101."""
    register(database)
    with running_node(database, tmp_path) as running:
        yield running


def padded(ds: Dataset, size: int) -> Dataset:
    """The same object, so many bytes longer behind all that it says."""
    ds.add_new(0x00420011, "OB", bytes(range(256)) * (size // 256))
    return ds


def row(node: RunningNode, uid: str = UID) -> Any:
    with node.database.begin() as uow:
        return uow.objects.find(uid)


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("pdu", ["16384", "131072"])
def test_a_large_report_is_kept_byte_for_byte_and_read_once(
    node: RunningNode, tmp_path: Path, pdu: str
) -> None:
    sent = as_file(tmp_path / "sent.dcm", padded(our_report(), 3 * MB))
    for _ in range(2):
        dcmtk(
            "storescu", node.port, "-aet", "HOSPITAL", "--max-send-pdu", pdu, str(sent),
            called="PACSBRIDGE",
        )  # fmt: skip
    [kept] = node.files()
    assert data_set_of(kept) == data_set_of(sent)
    assert kept == node.archive.path(row(node).content_hash)
    assert (row(node).state, row(node).accession) == ("received", "PERFORMS121101")
    assert node.hand_over() == 1
    assert node.database.jobs.jobs == [("extract", (UID,))]


def test_one_that_names_us_only_in_what_it_refers_to_is_ours(node: RunningNode) -> None:
    state = padded(our_state(StudyInstanceUID="1.9.1"), 2 * MB)
    assert send(node.port, state).Status == SUCCESS
    assert row(node, "1.2.3.9.1").accession == "PERFORMS121101"


def test_a_large_alien_leaves_a_row_and_no_byte(node: RunningNode, tmp_path: Path) -> None:
    alien = padded(an_alien(), 2 * MB)
    assert send(node.port, alien).Status == ALIEN
    [refusal] = refusals(node.database)
    assert (refusal.kind, refusal.size) == ("alien", len(encode(alien)))
    assert node.files() == []
    assert node.log.flush(60)
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert b"PLANTED" not in path.read_bytes()


def test_nothing_of_one_is_on_the_disk_before_it_names_a_case(node: RunningNode) -> None:
    report = our_report()
    report.add_new(0x00090010, "LO", "PRIVATE")
    report.add_new(0x00091001, "UN", bytes(ABOVE))  # before its study
    data, sop_class = encode(report), str(report.SOPClassUID)
    with Peer(node.port).associate(sop_class) as talk:
        talk.connection.sendall(p_data(store_rq(sop_class, UID), is_command=True, last=True))
        talk.connection.sendall(p_data(data[:ABOVE], is_command=False, last=False))
        assert wait_until(node.rows, "the association")
        assert node.files() == []
        assert talk.ask(p_data(data[ABOVE:], is_command=False, last=True)) == SUCCESS
    assert [path.suffix for path in node.files()] == [""]


@pytest.mark.parametrize("first", ["small", "large"])
def test_the_same_in_another_encoding_is_the_same_and_other_content_a_conflict(
    database: TestDatabase, tmp_path: Path, first: str
) -> None:
    register(database)
    defined, undefined = encode(our_report()), encode(our_report(), undefined=True)
    assert len(undefined) > len(defined)
    order = (defined, undefined) if first == "small" else (undefined, defined)
    sop_class, other = str(our_report().SOPClassUID), encode(our_report(PatientComments="other"))
    with running_node(database, tmp_path, streams={"small": len(defined)}) as node:
        statuses = [Peer(node.port).store(sop_class, UID, data) for data in (*order, other)]
        assert statuses == [SUCCESS, SUCCESS, CONFLICT]
        node.hand_over()
        assert len(node.database.jobs.jobs) == 1


def test_a_large_one_that_is_damaged_or_of_another_kind_is_refused(node: RunningNode) -> None:
    data = encode(padded(our_report(), 2 * MB))
    sop_class = str(our_report().SOPClassUID)
    assert Peer(node.port).store(sop_class, UID, data[:-4]) == NEVER
    assert Peer(node.port).store(sop_class, "1.2.3.9.77", data) == 0xA900
    assert [each.kind for each in refusals(node.database)] == ["mismatched", "unreadable"]
    assert node.files() == []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_eight_at_a_time_leave_the_memory_of_a_node_as_it_is(tmp_path: Path) -> None:
    [small, *large] = Reports(1).take(9)
    filling = b"\xfc\xff\xfc\xffOB\0\0" + (24 * MB).to_bytes(4, "little") + bytes(24 * MB)

    def store(port: int, report: Encoded, behind: bytes = b"") -> None:
        with Call(port, AE_TITLE, [report.sop_class_uid]) as call:
            data = report.data_set + behind
            call.store(report.sop_class_uid, report.sop_instance_uid, data)

    with running_process(tmp_path / "home", a_passport(1)) as node:
        store(node.port, small)
        before = peak_megabytes(node.pid)
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(store, node.port, each, filling) for each in large]:
                done.result()
        assert node.held() == 9
        grown = peak_megabytes(node.pid) - before
    assert grown < 110, f"{grown:.0f} MB for 192 MB that arrived"
