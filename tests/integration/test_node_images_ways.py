"""An image is kept byte for byte whichever way its bytes are read and written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pacs_bridge.archive import disk, halves
from pacs_bridge.archive.disk import Disk
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.upper_layer import landing
from tests.databases import TestDatabase
from tests.dcmtk import data_set_of, dcmtk
from tests.hostile.peer import Peer, p_data, store_rq
from tests.mammograms import MAMMOGRAM, write
from tests.nodes import OUR_IMAGE, RunningNode, encode
from tests.resent import half_sent, image_node, images, our_image, wait_for_spool
from tests.waiting import wait_until

SUCCESS = 0x0000
IMAGE = {"rows": 1300, "columns": 700}  # 1.8 MB: three halves of a buffer, and a rest


class Watched(Disk):
    """The real disk, which counts what goes past the page cache."""

    direct = 0

    def write_direct(self, descriptor: int, data: memoryview, at: int) -> int:
        done = super().write_direct(descriptor, data, at)
        self.direct += done
        return done


@pytest.fixture(params=["at its best", "one buffer a read", "through the page cache", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param in ("one buffer a read", "plain"):
        monkeypatch.setattr(landing, "CAN_SCATTER", False)
    if request.param in ("through the page cache", "plain"):
        monkeypatch.setattr(disk, "CAN_BYPASS", False)
    return str(request.param)


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path, watched: Watched) -> Iterator[RunningNode]:
    archive = LocalArchive(tmp_path / "archive", disk=watched)
    with image_node(database, tmp_path, archive=archive) as running:
        yield running


def kept(node: RunningNode) -> bytes:
    [image] = images(node.database)
    return data_set_of(node.archive.path(image.content_hash))


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("pdu", ["16384", "131072"])
def test_an_image_from_dcmtk_is_the_same_whichever_way_it_came(
    node: RunningNode, tmp_path: Path, watched: Watched, way: str, pdu: str
) -> None:
    path = write(our_image(**IMAGE), tmp_path / "sent.dcm")
    dcmtk(
        "dcmsend", node.port, "-aet", "HOSPITAL", "--max-send-pdu", pdu, str(path),
        called="PACSBRIDGE",
    )  # fmt: skip
    assert kept(node) == data_set_of(path)
    if way in ("through the page cache", "plain"):
        assert watched.direct == 0


def one_pdu(data: bytes) -> Iterator[bytes]:
    yield p_data(data, is_command=False, last=True)


def an_empty_end(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 65_530):
        yield p_data(data[start : start + 65_530], is_command=False, last=False)
    yield p_data(b"", is_command=False, last=True)


def uneven(data: bytes) -> Iterator[bytes]:
    at = 0
    for size in (70_000, 70_000, 70_000, 1, 0, 70_000, 16_000, 16_000, 16_000, 400_000):
        yield p_data(data[at : at + size], is_command=False, last=False)
        at += size
    yield p_data(data[at:], is_command=False, last=True)


@pytest.mark.parametrize("cut", [one_pdu, an_empty_end, uneven])
def test_an_image_is_the_same_however_its_sender_cuts_it(
    node: RunningNode, way: str, cut: Callable[[bytes], Iterator[bytes]]
) -> None:
    del way
    data = encode(our_image(**{**IMAGE, "rows": 700}))
    with Peer(node.port).associate(MAMMOGRAM) as talk:
        command = p_data(store_rq(MAMMOGRAM, OUR_IMAGE), is_command=True, last=True)
        assert talk.ask(command + b"".join(cut(data))) == SUCCESS
        assert talk.release()
    assert kept(node) == data


def test_an_image_that_is_cut_off_leaves_nothing_whichever_way_it_came(
    node: RunningNode, way: str
) -> None:
    del way
    with half_sent(node.port):
        wait_for_spool(node)
    wait_until(lambda: not node.files(), "the spool to be empty")
    wait_until(
        lambda: all(thread.name != halves.THREAD_NAME for thread in threading.enumerate()),
        "nobody to write",
    )
    assert images(node.database) == []
