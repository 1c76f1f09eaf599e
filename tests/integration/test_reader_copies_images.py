"""Images of a copy that come back drawn upon: the marks are its reader's, on the master."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from pacs_bridge.domain.receipts import MarkState
from pacs_bridge.services.arrivals import hand_over
from pacs_bridge.services.came_back import UNCHANGED, judge_image
from pacs_bridge.services.extract import extract_object
from pacs_bridge.wiring.jobs import read_archived
from pacs_bridge.wiring.node import build_node
from tests.copies_world import CopiesWorld, a_template
from tests.load_desk import FakePeer
from tests.nodes import send
from tests.resent import with_overlay


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CopiesWorld]:
    """Two readers whose copies are loaded, and settings of a node that takes a free port."""
    monkeypatch.setenv("PACS_BRIDGE_NODE__HOST", "127.0.0.1")
    monkeypatch.setenv("PACS_BRIDGE_NODE__PORT", "0")
    monkeypatch.setenv("PACS_BRIDGE_NODE__KEEP_FREE_MB", "0")
    with closing(CopiesWorld(a_template(tmp_path / "made"), tmp_path)) as world:
        world.agree()
        world.make()
        assert world.load(2, FakePeer()) == "ready"
        yield world


def drawn_on(ds: Dataset) -> Dataset:
    """An image with a block of five by four pixels in its overlay."""
    with_overlay(ds)
    plane = np.zeros((ds.Rows, ds.Columns), np.uint8)
    plane[2:6, 3:8] = 1
    packed = np.packbits(plane.ravel(), bitorder="little").tobytes()
    ds[0x60003000].value = packed + b"\0" * (len(packed) % 2)
    return ds


def test_an_overlay_on_a_copys_image_is_asked_of_its_reader_on_the_masters(
    world: CopiesWorld,
) -> None:
    """Through the node itself; an image of the copy that came back as it went is seen to be so."""
    home, drawn, same = world.home, *world.images(2)[:2]
    node = build_node(home)
    port = node.start()
    try:
        assert send(port, same).Status == 0
        assert send(port, drawn_on(drawn)).Status == 0
    finally:
        node.stop()

    while hand_over(begin=home.begin, read=home.read, archive=home.archive):
        pass
    with home.read() as uow:
        came = {each.image: each.sop_instance_uid for each in uow.objects.in_state("received")}
    for key in came.values():
        judge_image(key, begin=home.begin, archive=home.archive, now=home.now)
    with home.read() as uow:
        found = uow.objects.find(came[str(same.SOPInstanceUID)])
    assert found is not None
    assert found.reason == UNCHANGED
    extract_object(
        came[str(drawn.SOPInstanceUID)], begin=home.begin, archive=home.archive,
        read_file=read_archived, now=home.now, settle=60.0,
    )  # fmt: skip
    [mark] = world.receipt("R002", copy=2).marks
    master = str(world.images(0)[0].SOPInstanceUID)
    assert (mark.image, mark.shape, mark.state) == (master, "BITMAP", MarkState.ASKED)
    assert mark.points == ((3.0, 2.0), (8.0, 6.0))
