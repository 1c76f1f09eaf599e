"""A mark in room coordinates, saved on a tomosynthesis of ours, reaches its reader's receipt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.domain.receipts import Receipt
from pacs_bridge.services.arrivals import hand_over
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.receipts import show_receipt
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.jobs import read_archived
from tests.dcmtk import dcmtk
from tests.mammograms import ROOT, a_folder, a_tomosynthesis, write
from tests.nodes import as_file
from tests.round import OutsideInstallation
from tests.unit.sr_builders import a_code, a_coded, a_group, a_report, an_image_item, an_item
from tests.unit.test_sr_room import COMPREHENSIVE_3D, in_room
from tests.waiting import wait_until

CASE, PRACTICE = "PERFORMS121101", "PERFORMS121001"


def drawn_in_space(frames: int = 5) -> Dataset:
    """A tomosynthesis with pixels, whose frames lie a millimetre apart."""
    ds = a_tomosynthesis(
        frames=frames, StudyInstanceUID=f"{ROOT}.90", SeriesInstanceUID=f"{ROOT}.90.1",
        SOPInstanceUID=f"{ROOT}.90.1.1",
    )  # fmt: skip
    turned = Dataset()
    turned.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = "1"
    for number, frame in enumerate(ds.PerFrameFunctionalGroupsSequence):
        place = Dataset()
        place.ImagePositionPatient = ["0", "0", str(number)]
        frame.PlanePositionSequence = [place]
        frame.PlaneOrientationSequence = [turned]
    return ds


class Home:
    """An installation whose node is a process of its own; the jobs are done by the test."""

    def __init__(self, folder: Path) -> None:
        a_folder(folder / "images", 1)
        write(drawn_in_space(), folder / "images" / "z.dcm")
        self.ours = OutsideInstallation(folder)
        self.ours.command(
            "case-set", "import", str(folder / "images"), "--prefix", "PERFORMS121", "--partial"
        )
        self.home = Installation.open(self.ours.home)
        self._register()
        self.folder = folder

    def _register(self) -> None:
        now = self.home.now()
        endpoint = Endpoint("HOSPITAL", "127.0.0.1", 104, ("calls-from",))
        with self.home.begin() as uow:
            uow.pacs.put(Pacs("hospital", (endpoint,), plain=True), now)
            load = uow.loads.plan(uow.case_sets.get("PERFORMS121"), "hospital", now)
            uow.loads.set_readiness(load.load_id, Readiness.READY)
            uow.sites.put(Site("north", "hospital"))
            uow.rounds.put(Round("PERFORMS121", now, now + timedelta(days=30)))
            uow.readers.add("R001", now)
            uow.readers.set_alias("hospital", "jsmith", "R001")
            uow.enrolments.put(Enrolment("PERFORMS121", "R001", "north", consent=True))
            uow.enrolments.release("PERFORMS121", "R001", now)

    def image(self, accession: str, number: int = 0) -> Dataset:
        """The header of an image as it was distributed."""
        with self.home.read() as uow:
            passport = uow.case_sets.get("PERFORMS121")
        case = next(each for each in passport.cases if each.accession == accession)
        instance = list(case.instances())[number]
        return dcmread(self.home.archive.path(instance.content_hash), stop_before_pixels=True)

    def save(self, image: Dataset, *place: float, uid: str, reference: str) -> None:
        """Save a report with a mark in the room, as a workstation does by C-STORE."""
        login = an_item(
            "TEXT", a_code("128774"), relationship="HAS OBS CONTEXT", TextValue="jsmith"
        )
        named = an_image_item(
            str(image.SOPInstanceUID), relationship="CONTAINS",
            ReferencedSOPClassUID=image.SOPClassUID,
        )  # fmt: skip
        rated = a_coded(a_code("SUSPICION", "99PERFORMS"), a_code("M4", "99PERFORMS"))
        mark = in_room("POINT", *place, reference=reference, relationship="CONTAINS")
        ds = a_report(
            a_group(named, rated, mark), contexts=(login,), SOPClassUID=COMPREHENSIVE_3D,
            SOPInstanceUID=uid, StudyInstanceUID=str(image.StudyInstanceUID),
            AccessionNumber=str(image.AccessionNumber),
        )  # fmt: skip
        file = as_file(self.folder / f"{uid}.dcm", ds)
        dcmtk(
            "storescu",
            self.ours.node_port,
            "-R",
            "-aet",
            "HOSPITAL",
            str(file),
            called="PACSBRIDGE",
        )

    def receipt(self, uid: str, accession: str) -> tuple[str, Receipt]:
        """Do what the jobs do with what arrived; gives what became of it, and the receipt."""
        home = self.home
        hand = partial(hand_over, begin=home.begin, read=home.read, archive=home.archive)
        wait_until(lambda: hand() or self._is_here(uid), "the report's row")
        state = extract_object(
            uid, begin=home.begin, archive=home.archive, read_file=read_archived,
            now=home.now, settle=60.0,
        )  # fmt: skip
        return state, show_receipt("R001", accession, begin=home.begin, now=home.now)

    def _is_here(self, uid: str) -> bool:
        with self.home.read() as uow:
            return uow.objects.find(uid) is not None


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made: Any = Home(tmp_path)
    roles = made.ours.start("node")
    try:
        roles.wait_ready("node")
        yield made
    finally:
        roles.stop()
        made.home.engine.dispose()


def test_a_mark_in_the_room_lies_on_its_frame_of_the_receipt_and_is_refused_on_a_projection(
    home: Home,
) -> None:
    volume, projection = home.image(CASE), home.image(PRACTICE)
    here = str(volume.FrameOfReferenceUID)
    home.save(volume, 0.3, 0.2, 2.1, uid="1.2.3.9.1", reference=here)
    state, receipt = home.receipt("1.2.3.9.1", CASE)
    [mark] = receipt.marks
    assert (state, mark.state, mark.question) == ("read", "read", "")
    assert (mark.image, mark.frame, mark.rating) == (str(volume.SOPInstanceUID), 3, 4)
    assert mark.points == (pytest.approx((3.5, 2.5), abs=0.01),)
    assert receipt.images[0].frames == 5

    home.save(projection, 0.3, 0.2, 2.1, uid="1.2.3.9.2", reference="1.2.3.4.5")
    state, receipt = home.receipt("1.2.3.9.2", PRACTICE)
    with home.home.read() as uow:
        refused = uow.objects.find("1.2.3.9.2")
    assert refused is not None
    told = [refused.reason, *(mark.text for mark in receipt.marks)]
    assert any("room coordinates (SCOORD3D)" in each for each in told)
    assert not any(mark.points for mark in receipt.marks)
