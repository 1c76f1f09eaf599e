"""Intact, not only present: what a PACS gives back is compared with what it was sent."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit

from pacs_bridge.deid.pixels import pixel_hash
from pacs_bridge.domain.caseset import Instance
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.domain.intact import Change, Grade, IntactCheck
from pacs_bridge.domain.objects import Caller, ReceivedObject
from pacs_bridge.domain.retrieving import Retrieved
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.compare_image import compare_image
from pacs_bridge.services.intact import checks_due
from pacs_bridge.services.moved import watch_arrivals
from pacs_bridge.services.plan import load_status
from tests.hospital import a_hospital
from tests.intact import Altering, a_load, a_sent_load, check, dcmqrscp, plainly, send
from tests.loads import START, House, a_house, a_pacs, an_image
from tests.mammograms import a_mammogram, write
from tests.orthanc import running_orthanc
from tests.peers import need

EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path) as house:
        yield house


def changed(tmp_path: Path, change: Callable[[Dataset], object]) -> list[Change]:
    sent = write(a_mammogram(), tmp_path / "sent.dcm")
    ds = a_mammogram()
    change(ds)
    came = write(ds, tmp_path / "came.dcm")
    return compare_image(came, sent, line_of(sent))


def line_of(path: Path) -> Instance:
    ds = dcmread(path)
    line, *_ = an_image(101, 0)
    return replace(line, pixel_hash=pixel_hash(ds), transfer_syntax_uid=EXPLICIT)


def invert(ds: Dataset) -> None:
    ds.PixelData = bytes(byte ^ 1 for byte in ds.PixelData)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda ds: setattr(ds, "PatientName", "SOMEBODY^ELSE"), []),
        (lambda ds: setattr(ds, "InstitutionName", "ELSEWHERE"), []),
        (invert, [Change.PIXELS]),
        (lambda ds: setattr(ds, "BitsStored", 14), [Change.BITS]),
        (lambda ds: setattr(ds, "ImageLaterality", "L"), [Change.SIDE]),
        (lambda ds: delattr(ds, "ImageLaterality"), [Change.LATERALITY]),
        (lambda ds: setattr(ds, "ViewPosition", "CC"), [Change.VIEW]),
        (lambda ds: delattr(ds.ViewCodeSequence[0], "CodeValue"), [Change.VIEW]),
        (lambda ds: setattr(ds, "WindowWidth", "17"), [Change.VOI]),
        (lambda ds: delattr(ds, "PresentationLUTShape"), [Change.LUT_SHAPE]),
        (lambda ds: setattr(ds, "PresentationLUTShape", "INVERSE"), [Change.LUT_SHAPE]),
        (lambda ds: setattr(ds, "ImagerPixelSpacing", [0.2, 0.2]), [Change.SPACING]),
        (lambda ds: setattr(ds, "PhotometricInterpretation", "MONOCHROME1"), [Change.PHOTOMETRIC]),
        (lambda ds: setattr(ds, "LossyImageCompression", "01"), [Change.LOSSY]),
        (lambda ds: setattr(ds, "Rows", 10_000), [Change.SIZE]),
        (lambda ds: setattr(ds, "PixelData", ds.PixelData[:-40]), [Change.UNREADABLE]),
    ],
)
def test_what_a_reader_would_see_is_compared_and_nothing_else(tmp_path, change, named):
    assert changed(tmp_path, change) == named


def test_a_number_written_otherwise_is_no_change(tmp_path):
    assert changed(tmp_path, lambda ds: setattr(ds, "WindowWidth", ["580.00", "450.0"])) == []


@pytest.mark.parametrize(
    ("program", "word", "lossy"),
    [
        ("dcmcjpeg", "+e1", False),
        ("dcmcjpls", "+el", False),
        ("dcmcrle", "", False),
        ("dcmcjpeg", "+ee", True),
    ],
)
def test_another_coding_is_no_change_unless_it_loses_something(tmp_path, program, word, lossy):
    sent = write(a_mammogram(rows=64, columns=64), tmp_path / "sent.dcm")
    came = tmp_path / "came.dcm"
    command = [need(program, "dcmtk"), *filter(None, [word]), str(sent), str(came)]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    found = compare_image(came, sent, line_of(sent))
    assert (Change.LOSSY in found) is lossy
    assert lossy or found == []


def test_a_file_cut_short_cannot_be_opened(tmp_path):
    sent = write(a_mammogram(), tmp_path / "sent.dcm")
    came = tmp_path / "came.dcm"
    came.write_bytes(sent.read_bytes()[:-40])
    assert compare_image(came, sent, line_of(sent)) == [Change.UNREADABLE]
    came.write_bytes(b"none")
    assert compare_image(came, sent, line_of(sent)) == [Change.UNREADABLE]


def test_orthanc_gives_every_image_back_as_it_was_sent(house, tmp_path):
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        a_load(house, a_pacs(orthanc.dicom_port))
        send(house, DimsePeer())
        found = check(house, every=True)
    assert (found.grade, found.compared, found.total) == (Grade.INTACT, 8, 8)
    assert found.by == "C-GET"
    assert "all of 8" in found.sentence
    status = load_status(1, begin=house.begin).as_dict()
    assert status["intact"] == found.as_dict()


def test_a_pacs_that_compressed_with_loss_makes_the_load_amber(house, tmp_path):
    folder = tmp_path / "qr"
    (folder / "store").mkdir(parents=True)
    with dcmqrscp(folder, "+xx") as port:
        passport = a_load(house, a_pacs(port), cases=1, rows=64, columns=64)
        send(house, DimsePeer())
        before = check(house, every=True)
        for image in passport.cases[0].instances():  # what a PACS's own rule does at night
            (kept,) = (p for p in (folder / "store").iterdir() if is_image(p, image))
            compress = [need("dcmcjpeg", "dcmtk"), "+ee", "+un", str(kept), str(kept)]
            subprocess.run(compress, check=True, capture_output=True, timeout=180)
        found = check(house, every=True)
    assert (before.grade, before.compared) == (Grade.INTACT, 4)
    assert found.grade is Grade.AMBER
    assert found.changes[Change.LOSSY] == 4
    assert "compressed with loss (4 of 4)" in found.sentence


def is_image(path: Path, image: Instance) -> bool:
    if path.name == "index.dat":
        return False
    return bool(dcmread(path, stop_before_pixels=True).SOPInstanceUID == image.sop_instance_uid)


def test_the_sandbox_pacs_gives_a_sample_back_and_the_same_one_again(house):
    with a_hospital() as pacs:
        a_load(house, a_pacs(pacs.port), cases=3)
        send(house, DimsePeer())
        found = check(house, sample=5)
        peer = Altering(house, plainly(invert))
        again = check(house, peer, sample=5)
    assert (found.grade, found.compared, found.total) == (Grade.INTACT, 5, 12)
    assert "a sample of 5" in found.sentence
    asked = {uid for asked in peer.asked for uid in asked.sop_instance_uids}
    assert len(asked) == 5
    assert set(again.images) == asked


def mails(house: House) -> list[Any]:
    with house.begin() as uow:
        return [line.message for line in uow.mails.newest()]


def test_an_amber_load_stays_ready_and_its_contact_is_told_once_what_changed(house):
    a_sent_load(house)
    changing = Altering(house, plainly(lambda ds: delattr(ds, "ImageLaterality")))
    found = check(house, changing)
    check(house, changing)
    assert found.grade is Grade.AMBER
    assert found.changes == {Change.LATERALITY: 8}
    assert load_status(1, begin=house.begin).load.readiness == "ready"
    (mail,) = mails(house)
    assert mail.to == "pacs@hospital.example"
    assert "changed or missing laterality" in mail.body
    check(house, Altering(house, plainly(lambda ds: delattr(ds, "ViewPosition"))))
    (other,) = (each for each in mails(house) if each.key != mail.key)  # told as well
    assert "changed or missing view" in other.body
    assert house.queued.named("verify") == []


def test_a_pacs_that_holds_images_in_a_lossy_form_only_is_asked_for_that_form(house):
    a_sent_load(house)
    found = check(house, Altering(house, lambda _ds: (str(JPEGBaseline8Bit), b"")), every=True)
    assert found.changes[Change.LOSSY] == 8


def test_an_image_that_does_not_come_back_is_named(house):
    a_sent_load(house)
    withheld = []

    def most(ds: Dataset) -> Any:
        if ds.AccessionNumber.endswith("102") and ds.InstanceNumber == 1 and not withheld:
            withheld.append(str(ds.SOPInstanceUID))
        return None if ds.SOPInstanceUID in withheld else plainly(lambda _: None)(ds)

    found = check(house, Altering(house, most), every=True)
    assert found.images == {withheld[0]: [Change.ABSENT]}
    assert "not at all" in found.sentence


class Refusing:
    """A PACS that will not give back; our port, by hand."""

    def __init__(self, status: int = 0xA801) -> None:
        self.status = status

    def get(self, pacs: Any, *_: Any, **__: Any) -> Retrieved:
        raise PeerUnavailable(pacs.name, "association", "it offers no C-GET")

    def move(self, *_: Any, **__: Any) -> Retrieved:
        return Retrieved(self.status)


def test_a_pacs_that_gives_nothing_back_proves_nothing_and_accuses_nobody(house):
    a_sent_load(house)
    found = check(house, Refusing())
    assert found.grade is Grade.UNPROVEN
    assert "it offers no C-GET" in found.sentence
    assert mails(house) == []


def test_a_pacs_that_is_away_leaves_what_was_known(house):
    a_sent_load(house)
    before = check(house, Altering(house, plainly(lambda _: None)))

    class Away(Refusing):
        def get(self, pacs: Any, *_: Any, **__: Any) -> Retrieved:
            raise PeerUnavailable(pacs.name, "connect", "connection refused")

    with pytest.raises(PeerUnavailable):
        check(house, Away())
    assert load_status(1, begin=house.begin).intact == before


def test_what_was_not_sent_is_not_asked_for(house):
    a_load(house, a_pacs(104))
    with pytest.raises(RefusedInput, match="load start"):
        check(house, Refusing())


def test_every_ready_load_is_checked_once_and_again_after_a_week(house):
    due: Callable[[], int] = lambda: checks_due(begin=house.begin, now=house.now)  # noqa: E731
    a_sent_load(house)
    with house.begin() as uow:
        uow.loads.plan(uow.case_sets.get("PERFORMS121"), "hospital", START)
    assert (due(), due()) == (1, 1)
    assert len({key for name, _, key, _ in house.queued.jobs if name == "check_intact"}) == 1
    check(house, Altering(house, plainly(lambda _: None)))
    assert due() == 0
    house.pass_time(timedelta(days=7).total_seconds())
    assert due() == 1


def test_what_a_check_says_is_plain():
    found = IntactCheck(1, 10, 256, "C-GET", START, {Change.LOSSY: 4, Change.VOI: 10}, {})
    assert found.sentence == (
        "Your PACS gives images back compressed with loss (4 of 10): have lossy compression "
        "switched off for them, and for whatever moves or archives them; then delete these "
        "studies there and press Start again: we send them anew, and check. "
        "It also gives images back with changed or missing window: ask your PACS supplier which "
        "rule changes these attributes, and have it leave our accession numbers out."
    )


def arrived(house: House, uid: str, key: str) -> None:
    """Have the node's job settle an image that a PACS has sent."""
    with house.begin() as uow:
        [line] = [i for *_, i in uow.case_sets.get("PERFORMS121").instances()
                  if i.sop_instance_uid == uid]  # fmt: skip
        uow.objects.add(
            ReceivedObject(
                sop_instance_uid=key,
                sop_class_uid=line.sop_class_uid,
                transfer_syntax_uid=EXPLICIT,
                content_hash=line.content_hash,
                same_content=key,
                size=1,
                caller=Caller("HOSPITAL", "PACSBRIDGE", "127.0.0.1", "hospital"),
                accession=None,
                received_at=house.now(),
                kind="image",
                image=uid,
            )
        )
        uow.images.settle(
            key, content_hash=line.content_hash, same_content=key, state="read", reason=""
        )


class Moving(Refusing):
    """A PACS that has only C-MOVE, and the node that it sends to; our ports, by hand."""

    def __init__(self, house: House) -> None:
        super().__init__(0x0000)
        self.house = house

    def move(self, _pacs: Any, asked: Any, **_: Any) -> Retrieved:
        for uid in asked.sop_instance_uids:
            with self.house.begin() as uow:
                known = uow.images.copies(uid)
                if known:
                    uow.objects.count_repeat(known[0].key)
            if not known:
                arrived(self.house, uid, f"2.25.{uid.rpartition('.10.99.')[2].replace('.', '')}")
        return Retrieved(0x0000)


def test_without_c_get_the_images_are_moved_to_our_node_also_when_they_came_before(house):
    a_sent_load(house)
    watch = partial(watch_arrivals, read=house.begin, archive=house.archive)
    for _ in range(2):
        found = check(house, Moving(house), every=True, moved=watch)
        assert (found.grade, found.by, found.compared) == (Grade.INTACT, "C-MOVE", 8)


def test_a_pacs_that_says_it_sent_and_did_not_proves_nothing(house):
    a_sent_load(house)
    watch = partial(watch_arrivals, read=house.begin, archive=house.archive, seconds=0.01)
    found = check(house, Refusing(0x0000), moved=watch)
    assert found.grade is Grade.UNPROVEN
    assert "none arrived at our node" in found.sentence
