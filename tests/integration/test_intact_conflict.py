"""Images that a PACS gives back with other content: found out, and then not ready."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.found import FoundImage
from pacs_bridge.domain.intact import Change, Grade
from pacs_bridge.domain.loading import Completeness, Readiness
from pacs_bridge.services.plan import load_status
from pacs_bridge.services.verify import verify_load
from tests.intact import Altering, a_sent_load, check, plainly
from tests.load_desk import FakePeer
from tests.loads import House, a_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path) as house:
        yield house


def invert(ds: Dataset) -> None:
    ds.PixelData = bytes(byte ^ 1 for byte in ds.PixelData)


class Withholding:
    """A PACS that gives nothing back; our port, by hand."""

    def get(self, pacs: Any, *_: Any, **__: Any) -> Any:
        raise PeerUnavailable(pacs.name, "association", "it offers no C-GET")

    move = get


def other_side(ds: Dataset) -> None:
    ds.ImageLaterality = "L" if ds.ImageLaterality == "R" else "R"


@pytest.mark.parametrize(
    ("change", "grave", "word"),
    [
        (invert, Change.PIXELS, "with other pixels"),
        (other_side, Change.SIDE, "other breast"),
        (lambda ds: setattr(ds, "BitsStored", 14), Change.BITS, "grey levels"),
    ],
)
def test_images_with_other_content_unmake_a_ready_load_in_two_sweeps(house, change, grave, word):
    a_sent_load(house)
    altering = Altering(house, plainly(change))
    found = check(house, altering)
    assert (found.grade, found.changes) == (Grade.CONFLICT, {grave: 8})
    assert house.queued.named("verify") == [(1,)]
    look = partial(check, house, altering)
    peer = FakePeer(has=set(found.images))
    assert verified(house, peer, look) is Readiness.READY
    assert verified(house, peer, look) is Readiness.INCOMPLETE
    for case in load_status(1, begin=house.begin).cases:
        assert case.complete == "conflict"
        assert word in case.instruction


def test_a_load_is_ready_again_when_images_come_back_as_they_were_sent(house):
    a_sent_load(house)
    found = check(house, Altering(house, plainly(invert)), sample=2)
    good = Altering(house, plainly(lambda _: None))
    peer, look = FakePeer(has=uids(house)), partial(check, house, good, sample=2)
    for _ in range(2):
        assert verified(house, peer, look) is not None
    assert load_status(1, begin=house.begin).load.readiness == "incomplete"
    house.pass_time(86_400)  # another sample, and the very images that were changed
    assert verified(house, peer, look) is Readiness.READY
    asked = {uid for asked in good.asked for uid in asked.sop_instance_uids}
    assert found.images.keys() <= asked


def test_where_no_size_is_told_images_are_looked_at_before_a_load_is_ready(house):
    a_sent_load(house)
    with house.begin() as uow:
        uow.loads.set_readiness(1, Readiness.SENT)
    peer, shrunk = Sizeless(has=uids(house)), Altering(house, plainly(shrink))
    assert verified(house, peer, partial(check, house, shrunk)) is Readiness.INCOMPLETE
    assert {c.complete for c in load_status(1, begin=house.begin).cases} == {"conflict"}
    house.pass_time(601)
    whole = Altering(house, plainly(lambda _: None))
    look = partial(check, house, whole)
    assert verified(house, peer, look) is Readiness.READY
    seen = len(whole.asked)
    assert verified(house, peer, look) is Readiness.READY
    assert len(whole.asked) == seen  # once is enough, until something is sent again


def test_where_no_size_is_told_and_nothing_comes_back_the_grade_says_so(house):
    a_sent_load(house)
    with house.begin() as uow:
        uow.loads.set_readiness(1, Readiness.SENT)
    look = partial(check, house, Withholding())
    assert verified(house, Sizeless(has=uids(house)), look) is Readiness.INCOMPLETE
    for case in load_status(1, begin=house.begin).cases:
        assert (case.complete, case.found) == ("counted", 4)
        assert "at what size" in case.instruction
        assert "C-GET" in case.instruction
    sized = FakePeer(has=uids(house))
    assert verified(house, sized, look) is Readiness.READY


class Sizeless(FakePeer):
    """A PACS that lists images without their sizes."""

    def find_cases(self, pacs: Any, cases: Any) -> Iterator[Any]:
        for answer in super().find_cases(pacs, cases):
            [(uid, study)] = answer.studies.items()
            assert study is not None
            assert study.images is not None
            bare = tuple(FoundImage(image.sop_instance_uid) for image in study.images)
            yield replace(answer, studies={uid: replace(study, images=bare)})


def shrink(ds: Dataset) -> None:
    ds.Rows, ds.Columns = ds.Rows // 2, ds.Columns // 2
    ds.PixelData = ds.PixelData[: len(ds.PixelData) // 4]


def uids(house: House) -> set[str]:
    with house.begin() as uow:
        return {
            image.sop_instance_uid for *_, image in uow.case_sets.get("PERFORMS121").instances()
        }


def verified(house: House, peer: Any, look: Any) -> Readiness:
    return verify_load(
        1, begin=house.begin, peer=peer, now=house.now, look_at=lambda _load: look()
    ).readiness


def test_cases_that_were_not_looked_at_are_not_proven_where_others_came_back_changed(house):
    a_sent_load(house)
    with house.begin() as uow:
        uow.loads.set_readiness(1, Readiness.SENT)
    look = partial(check, house, Altering(house, plainly(shrink)), sample=1)
    assert verified(house, Sizeless(has=uids(house)), look) is Readiness.INCOMPLETE
    seen = {case.complete: case.instruction for case in load_status(1, begin=house.begin).cases}
    assert set(seen) == {"conflict", "counted"}
    assert "images of this case back at another size" in seen[Completeness.CONFLICT]
    assert "images of other cases back at another size" in seen[Completeness.COUNTED]


def test_a_pacs_that_is_away_when_it_is_to_give_images_back_is_waited_for(house):
    a_sent_load(house)
    with house.begin() as uow:
        uow.loads.set_readiness(1, Readiness.SENT)

    def away() -> Any:
        raise PeerUnavailable("hospital", "connect", "connection refused")

    assert verified(house, Sizeless(has=uids(house)), away) is Readiness.SENT
    for case in load_status(1, begin=house.begin).cases:
        assert "could not be reached to fetch images back" in case.instruction
