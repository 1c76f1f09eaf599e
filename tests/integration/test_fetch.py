"""Having a case back: how each image compares with the one that was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.retrieving import Arriving, Asked, Progress, Retrieved
from pacs_bridge.services.fetch import EXPLICIT, IMPLICIT, State, fetch_case, kinds_of, move_case
from tests.loads import MG, START, House, a_house, a_pacs, a_passport
from tests.nodes import encode

CASE = "PERFORMS121101"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path) as house:
        passport = a_passport(house.archive, cases=1)
        with house.begin() as uow:
            uow.case_sets.add(passport)
            uow.pacs.put(a_pacs(104), START)
        yield house


def images(house: House) -> dict[str, Dataset]:
    with house.begin() as uow:
        passport: Passport = uow.case_sets.get("PERFORMS121")
    found = (pydicom.dcmread(house.archive.path(image.content_hash))
             for *_, image in passport.instances())  # fmt: skip
    return {str(ds.SOPInstanceUID): ds for ds in found}


class Holding:
    """A PACS that gives back what it holds; our port, by hand."""

    def __init__(self, *objects: tuple[str, str, bytes]) -> None:
        self.objects, self.asked = objects, list[Asked]()
        self.statuses: list[int] = []

    def get(self, _pacs: Any, asked: Asked, open_sink: Callable[[Arriving], Any], **_: Any) -> Any:
        self.asked.append(asked)
        for uid, syntax, data in self.objects:
            sink = open_sink(Arriving(MG, uid, syntax))
            for start in range(0, len(data), 1000):
                sink.write(memoryview(data[start : start + 1000]))
            self.statuses.append(sink.finish())
        return Retrieved(0x0000, counted=Progress(completed=len(self.objects)))

    def move(self, _pacs: Any, asked: Asked, **_: Any) -> Retrieved:
        self.asked.append(asked)
        return Retrieved(0xA801, "Unknown")


def fetched(house: House, folder: Path, *objects: tuple[str, str, bytes]) -> Any:
    peer: Any = Holding(*objects)
    return fetch_case("hospital", CASE, folder, read=house.begin, peer=peer, archive=house.archive)


def test_each_image_is_identical_or_the_same_or_changed_or_absent(house: House, tmp_path: Path):
    (a, first), (b, second), (c, third), (d, _) = images(house).items()
    third.PatientName = "SOMEBODY^ELSE"
    got = fetched(
        house, tmp_path / "got",
        (a, EXPLICIT, encode(first)), (b, IMPLICIT, encode(second, implicit=True)),
        (c, EXPLICIT, encode(third)), ("1.2.3", EXPLICIT, encode(first)),
    )  # fmt: skip
    assert got.states == {
        a: State.IDENTICAL, b: State.SAME, c: State.CHANGED, d: State.ABSENT
    }  # fmt: skip
    assert (got.is_intact, got.others) == (False, 1)
    again = pydicom.dcmread(tmp_path / "got" / f"{b}.dcm")
    assert again.file_meta.TransferSyntaxUID == IMPLICIT


def test_a_case_of_which_all_came_back_is_intact(house: House, tmp_path: Path):
    objects = [(uid, EXPLICIT, encode(ds)) for uid, ds in images(house).items()]
    assert fetched(house, tmp_path / "got", *objects).is_intact
    names = sorted(path.name for path in (tmp_path / "got").iterdir())
    assert names == sorted(f"{uid}.dcm" for uid, *_ in objects)


def test_a_damaged_object_has_changed(house: House, tmp_path: Path):
    uid, ds = next(iter(images(house).items()))
    got = fetched(house, tmp_path / "got", (uid, EXPLICIT, encode(ds)[:-3]))
    assert got.states[uid] is State.CHANGED


def test_what_cannot_be_kept_is_answered_so_and_absent(house: House, tmp_path: Path):
    uid, ds = next(iter(images(house).items()))
    (tmp_path / "got" / f"{uid}.part").mkdir(parents=True)  # where the file would begin
    peer: Any = Holding((uid, EXPLICIT, encode(ds)))
    got = fetch_case(
        "hospital", CASE, tmp_path / "got", read=house.begin, peer=peer, archive=house.archive
    )
    assert peer.statuses == [0xA700]
    assert got.states[uid] is State.ABSENT


def test_every_study_of_the_case_is_asked_for_and_moved_alike(house: House, tmp_path: Path):
    peer: Any = Holding()
    fetch_case("hospital", CASE, tmp_path, read=house.begin, peer=peer, archive=house.archive)
    [moved] = move_case("hospital", CASE, read=house.begin, peer=peer)
    study = str(next(iter(images(house).values())).StudyInstanceUID)
    assert peer.asked == [Asked(study, patient_id=CASE)] * 2
    assert moved.status == 0xA801


def test_what_is_not_here_is_not_asked_for(house: House, tmp_path: Path):
    peer: Any = Holding()
    how: Any = {"read": house.begin, "peer": peer, "archive": house.archive}
    with pytest.raises(NotFound, match="PERFORMS121999"):
        fetch_case("hospital", "PERFORMS121999", tmp_path, **how)
    with pytest.raises(NotFound):
        fetch_case("elsewhere", CASE, tmp_path, **how)
    (tmp_path / "file").write_text("")
    with pytest.raises(RefusedInput, match="another folder"):
        fetch_case("hospital", CASE, tmp_path / "file" / "below", **how)
    assert peer.asked == []


def test_each_syntax_of_a_sop_class_is_offered_once(house: House):
    with house.begin() as uow:
        lines = [image for *_, image in uow.case_sets.get("PERFORMS121").instances()]
    assert kinds_of(lines) == [(MG, (EXPLICIT,)), (MG, (IMPLICIT,))]
