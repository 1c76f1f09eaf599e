"""An image that a viewer sent back with a drawing in its overlay reaches a reader's receipt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from pacs_bridge.domain.claims import Claim, Saying
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.domain.receipts import MarkState
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.receipts import show_receipt
from pacs_bridge.services.whose import look_again
from pacs_bridge.sr.site_words import NATIONAL
from pacs_bridge.wiring.jobs import read_archived, read_words
from tests.databases import TestDatabase
from tests.nodes import OUR_IMAGE, RunningNode, send
from tests.resent import image_node, images, judge_all, our_image, with_overlay

CASE = "PERFORMS121101"


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node into whose PACS case PERFORMS121101 was loaded, and a reader of it."""
    with image_node(database, tmp_path) as running:
        opened = database.clock()
        with database.begin() as uow:
            uow.sites.put(Site("north", "hospital"))
            uow.rounds.put(Round("PERFORMS121", opened, opened + timedelta(days=30)))
            uow.readers.add("R001", opened)
            uow.enrolments.put(Enrolment("PERFORMS121", "R001", "north", consent=True))
            uow.enrolments.release("PERFORMS121", "R001", opened)
        yield running


def drawn_on() -> Dataset:
    """Our image with a block of five by four pixels in its overlay."""
    ds = with_overlay(our_image())
    plane = np.zeros((ds.Rows, ds.Columns), np.uint8)
    plane[2:6, 3:8] = 1
    packed = np.packbits(plane.ravel(), bitorder="little").tobytes()
    ds[0x60003000].value = packed + b"\0" * (len(packed) % 2)
    return ds


def extract(node: RunningNode, key: str) -> str:
    database = node.database
    return extract_object(
        key, begin=database.begin, archive=node.archive, read_file=read_archived,
        now=database.clock, settle=60.0,
    )  # fmt: skip


def test_a_drawing_in_an_overlay_waits_for_its_reader_and_then_for_a_yes(node: RunningNode) -> None:
    assert send(node.port, drawn_on()).Status == 0
    assert judge_all(node) == ["parked"]
    [image] = images(node.database)
    key = image.sop_instance_uid
    assert ("extract", (key,)) in node.database.jobs.jobs
    assert extract(node, key) == "parked"
    assert extract(node, key) == "parked"  # again changes nothing
    with node.database.begin() as uow:
        assert [waiting.object_uid for waiting in uow.claims.waiting()] == [key]
        now = node.database.clock()
        uow.claims.say(Claim(key, Saying.CLAIM, "R001", "It is mine.", now))
        assert look_again(uow, [key], "claim-1", now, 60.0) == 1
    assert extract(node, key) == "read"
    receipt = show_receipt("R001", CASE, begin=node.database.begin, now=node.database.clock)
    [mark] = receipt.marks
    assert (mark.image, mark.shape, mark.state) == (OUR_IMAGE, "BITMAP", MarkState.ASKED)
    assert mark.points == ((3.0, 2.0), (8.0, 6.0))
    assert mark.question == (
        "Something is drawn on R CC, and reached us as a picture only: is it a mark?"
    )
    assert [each.kind for each in receipt.objects] == ["image with an overlay"]


def test_an_overlay_of_dust_is_parked_with_the_reason(node: RunningNode) -> None:
    ds = drawn_on()
    ds[0x60003000].value = b"\1" + bytes(len(ds[0x60003000].value) - 1)
    assert send(node.port, ds).Status == 0
    assert judge_all(node) == ["parked"]
    [image] = images(node.database)
    assert extract(node, image.sop_instance_uid) == "parked"
    [image] = images(node.database)
    assert "single dots only" in image.reason


def test_the_words_of_a_pacs_are_those_of_its_file(tmp_path: Path) -> None:
    assert read_words(tmp_path / "none") == {}
    (tmp_path / "hospital.toml").write_text('[letters]\nR = "side"\n')
    words = read_words(tmp_path)
    assert words["hospital"].letters["R"] == "side"
    assert NATIONAL.letters["R"] == "ask"
    (tmp_path / "other.toml").write_text('[letters]\nX = "side"\n')
    with pytest.raises(RefusedInput, match=r"other\.toml"):
        read_words(tmp_path)
    (tmp_path / "other.toml").write_text("no toml")
    with pytest.raises(RefusedInput, match=r"other\.toml"):
        read_words(tmp_path)
