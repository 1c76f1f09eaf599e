"""A copy of the set for each reader: agreed to, made, loaded, read, and never another's."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from pacs_bridge.cli import load as load_commands
from pacs_bridge.deid.pixels import pixel_hash
from pacs_bridge.domain.claims import Waiting
from pacs_bridge.domain.errors import AlienObject, NotFound, RefusedInput, UnreadableObject
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.domain.query import RetrieveRequest, Root
from pacs_bridge.services import reader_copies
from pacs_bridge.services.check_case_set import check_case_set
from pacs_bridge.services.copy_owner import owner_in
from pacs_bridge.services.people import enrol
from pacs_bridge.services.plan import start_load
from pacs_bridge.services.query_index import QueryIndex
from pacs_bridge.services.reader_copies import agree_copies, copy_of, owner_of
from pacs_bridge.services.receipts import list_receipts
from pacs_bridge.services.retrieve import find_wanted
from pacs_bridge.services.site_pack import orders_for
from pacs_bridge.wiring.case_sets import PASSPORT_KEY
from tests.copies_world import SET, CopiesWorld, a_mark_on, a_report, a_state, a_template
from tests.load_desk import FakePeer
from tests.nodes import EXPLICIT, encode
from tests.peers import need
from tests.queries import a_question

GET = "1.2.840.10008.5.1.4.1.2.2.3"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a set, made once."""
    return a_template(tmp_path_factory.mktemp("copies"))


@pytest.fixture
def world(tmp_path: Path, template: Path) -> Iterator[CopiesWorld]:
    """Two readers at a PACS that is read by copies; nothing agreed to."""
    world = CopiesWorld(template, tmp_path)
    yield world
    world.close()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """The same home with both copies made and loaded, once."""
    folder = tmp_path_factory.mktemp("loaded")
    world = CopiesWorld(template, folder)
    world.agree()
    world.make()
    peer = FakePeer()
    assert [world.load(copy, peer) for copy in (1, 2)] == ["ready", "ready"]
    world.close()
    return folder / "home"


@pytest.fixture
def made(tmp_path: Path, loaded: Path) -> Iterator[CopiesWorld]:
    """Two readers whose copies are made and loaded."""
    world = CopiesWorld(loaded, tmp_path, fresh=False)
    yield world
    world.close()


# Agreeing and making -------------------------------------------------------------------------


def test_nothing_of_a_copy_is_sent_before_its_disk_space_was_agreed_to(world: CopiesWorld) -> None:
    """The space is known beforehand: the master's, for each reader."""
    plan = world.plan()
    size = sum(image.size for *_, image in world.passport().instances())
    assert [(each.reader, each.copy, each.size) for each in plan.copies] == [
        ("R001", 1, size), ("R002", 2, size),
    ]  # fmt: skip
    begin, now = world.home.begin, world.home.now
    with pytest.raises(RefusedInput, match="Nobody has agreed to copy 01"):
        start_load(SET, "hospital", begin=begin, now=now, copy=1)
    with pytest.raises(RefusedInput, match="Look at the new amount"):
        agree_copies(SET, "hospital", plan.to_agree - 1, begin=begin, now=now)
    with world.home.read() as uow:
        assert uow.loads.all() == []
        assert uow.reader_copies.given(SET, "hospital") == []


def test_making_copies_again_makes_nothing_twice(world: CopiesWorld) -> None:
    """Whatever was cut off is finished by doing it again."""
    world.agree()
    assert world.make() == world.make() == (1, 2)
    assert world.agree().is_agreed
    with world.home.read() as uow:
        assert [(line.name, line.copy) for line in uow.case_sets.lines()] == [
            (SET, 0), (SET, 1), (SET, 2),
        ]  # fmt: skip
        assert [load.copy for load in uow.loads.all()] == [1, 2]
        assert len(uow.events.newest(kind="copies-agreed")) == 1
        assert len(uow.events.newest(kind="reader-moved-to-copy")) == 2


def test_a_copy_shows_the_masters_pixels_and_its_passport_is_signed(made: CopiesWorld) -> None:
    """Decoded, every image of a copy has the hash that was signed for the master's."""
    key = made.home.config.secret(PASSPORT_KEY)
    for copy in (1, 2):
        checked = check_case_set(
            SetName.parse(SET), begin=made.home.read, archive=made.home.archive,
            key_passport=key, copy=copy,
        )  # fmt: skip
        assert checked.whole
        assert {case.accession[14:] for case in checked.cases} == {f"{copy:02d}"}
        for number in (1, 101):
            masters = made.images(0, number)
            for mine, other in zip(masters, made.images(copy, number), strict=True):
                assert pixel_hash(other) == pixel_hash(mine)
                assert other.PixelData == mine.PixelData
                assert other.SOPInstanceUID != mine.SOPInstanceUID
                assert other.AccessionNumber == f"{mine.AccessionNumber}{copy:02d}"


def test_dciodvfy_finds_no_error_in_a_copy_that_the_master_has_not(
    made: CopiesWorld, tmp_path: Path
) -> None:
    """And finds one where an identifier is broken, so that it is known to look."""
    program = need("dciodvfy", "dicom3tools")

    def errors(path: Path) -> set[str]:
        run = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
        return {line for line in (run.stdout + run.stderr).splitlines() if "Error" in line}

    (case,) = [case for case in made.passport().cases if case.number == 101]
    (copied,) = [case for case in made.passport(2).cases if case.number == 101]
    for mine, other in zip(case.instances(), copied.instances(), strict=True):
        path = made.home.archive.path(other.content_hash)
        assert errors(path) == errors(made.home.archive.path(mine.content_hash))
    broken = tmp_path / "broken.dcm"
    ds = dcmread(path)
    del ds.SeriesInstanceUID
    ds.save_as(broken)
    assert errors(broken) - errors(path)


def test_a_changed_image_of_the_master_stops_the_making_and_says_so(world: CopiesWorld) -> None:
    """Nobody reads another picture than the one that was signed; the plan says what happened."""
    image = next(iter(world.passport().instances()))[3]
    path = world.home.archive.path(image.content_hash)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    world.agree()
    with pytest.raises(UnreadableObject, match="changed since it was imported"):
        world.make()
    assert "changed since it was imported" in world.plan().failure
    with world.home.read() as uow:
        assert [line.copy for line in uow.case_sets.lines()] == [0]


def test_a_copy_that_decodes_to_other_pixels_is_not_made(
    world: CopiesWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is signed of the first case is seen by decoding the copy itself."""
    monkeypatch.setattr(reader_copies, "pixel_hash", lambda _ds: "0" * 64)
    world.agree()
    with pytest.raises(UnreadableObject, match="other pixels than the master's"):
        world.make()
    with world.home.read() as uow:
        assert [line.copy for line in uow.case_sets.lines()] == [0]


# Whose each copy is --------------------------------------------------------------------------


def test_each_reader_is_released_when_their_own_copy_is_ready(world: CopiesWorld) -> None:
    """And opens the cases by the names of their copy."""
    world.agree()
    world.make()
    peer = FakePeer()
    assert world.load(2, peer) == "ready"
    begin, now = world.home.read, world.home.now
    found = list_receipts("R002", SET, begin=begin, now=now)
    assert found.copy == 2
    with pytest.raises(NotFound):
        list_receipts("R001", SET, begin=begin, now=now)
    assert copy_of("R001", SET, begin=begin) == 1
    assert owner_of(2, SET, "hospital", begin=begin) == "R002"
    assert owner_of(0, SET, "hospital", begin=begin) is None


def test_a_copy_is_never_given_to_another_reader_of_its_pacs(made: CopiesWorld) -> None:
    """One who leaves keeps their number; the next has a new one, and another PACS its own."""
    with made.home.begin() as uow:
        uow.sites.put(replace(uow.sites.all()[0], name="elsewhere"))
        uow.enrolments.put(Enrolment(SET, "R001", "elsewhere", copy=1, way="sheet"))
    made.enrol("R003")
    made.pacs("other", 105, "R004")
    assert {each.reader: each.copy for each in made.plan().copies} == {
        "R001": 1, "R002": 2, "R003": 3,
    }  # fmt: skip
    made.agree()
    made.agree("other")
    made.make()
    made.make("other")
    owners = [
        [owner_of(copy, SET, pacs, begin=made.home.read) for copy in (1, 2, 3)]
        for pacs in ("hospital", "other")
    ]
    assert owners == [["R001", "R002", "R003"], ["R004", None, None]]


def test_enrolling_again_changes_nobodys_copy(made: CopiesWorld) -> None:
    """A consent that comes later does not send a reader back to the master, nor to another's."""
    found = enrol(
        Enrolment(SET, "R001", "hospital-unit", consent=True),
        begin=made.home.begin, release=lambda: 0,
    )  # fmt: skip
    assert found.copy == 1
    with pytest.raises(RefusedInput, match="another reader's"):
        enrol(
            Enrolment(SET, "R001", "hospital-unit", copy=2, consent=True),
            begin=made.home.begin, release=lambda: 0,
        )  # fmt: skip


def test_who_has_begun_on_the_master_goes_on_there(world: CopiesWorld) -> None:
    """No number is given out, and nothing sent, for a reader in the middle of the round."""
    with world.home.begin() as uow:
        uow.readings.touch(
            reading_uid=f"{SET}101-R001", set_name=SET, accession=f"{SET}101", kind="test",
            reader="R001", pacs="hospital", now=world.now,
        )  # fmt: skip
    plan = world.plan()
    assert plan.staying == ("R001",)
    assert [(each.reader, each.copy) for each in plan.copies] == [("R002", 1)]


# Marks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [a_state, a_report], ids=["GSPS", "SR"])
def test_marks_on_a_copy_are_its_readers_on_the_master_to_the_pixel(
    made: CopiesWorld, write: type
) -> None:
    """Under a log-in that everybody shares: the copy alone says whose they are."""
    images, masters = made.images(2), made.images(0)
    drawn = [(3.25, 7.5), (20.0, 30.75)]
    marks = [a_mark_on(image, x, y) for image, (x, y) in zip(images, drawn, strict=False)]
    made.receive(write(images, *marks))
    assert made.work() == ["read"]
    receipt = made.receipt("R002", copy=2)
    placed = [(mark.image, mark.centre) for mark in receipt.marks if mark.shape != "TEXT"]
    wanted = [(str(m.SOPInstanceUID), place) for m, place in zip(masters, drawn, strict=False)]
    assert sorted(placed) == sorted(wanted)
    assert {image.sop_instance_uid for image in receipt.images} >= {uid for uid, _ in placed}
    assert made.receipt("R001").marks == ()
    with pytest.raises(NotFound):
        made.receipt("R001", copy=2)


def test_whose_copy_an_object_lies_on_is_kept_as_its_evidence(made: CopiesWorld) -> None:
    """With what the object itself says, for whoever looks into it later."""
    images = made.images(2)
    made.receive(a_state(images, a_mark_on(images[0], 5.0, 6.0)))
    made.work()
    with made.home.read() as uow:
        (read,) = uow.marks.of_reading(f"{SET}101-R002")
    assert read.observer.evidence["the reader's own copy"] == f"{SET}10102, the copy of R002"
    assert set(read.referenced_images) <= {str(image.SOPInstanceUID) for image in images}


def waits(world: CopiesWorld) -> Waiting:
    with world.home.read() as uow:
        (waiting,) = uow.claims.waiting()
    return waiting


def test_a_copy_and_a_name_that_disagree_are_asked_about(made: CopiesWorld) -> None:
    """R001's own log-in on the copy of R002: neither is guessed."""
    with made.home.begin() as uow:
        uow.readers.set_alias("hospital", "clee", "R001")
    images = made.images(2)
    made.receive(a_state(images, a_mark_on(images[0], 5.0, 6.0), login="clee"))
    assert made.work() == ["parked"]
    assert "lies on the copy of another" in waits(made).reason
    assert made.receipt("R001").marks == made.receipt("R002").marks == ()


def test_an_object_on_two_copies_waits_for_a_person(made: CopiesWorld) -> None:
    """Two readers' images in one object is a mix-up that no reader may settle."""
    ds = a_state(made.images(2), a_mark_on(made.images(2)[0], 5.0, 6.0))
    second = ds.ReferencedSeriesSequence[1].ReferencedImageSequence[0]
    second.ReferencedSOPInstanceUID = made.images(1)[1].SOPInstanceUID
    made.receive(ds)
    assert made.work() == ["parked"]
    waiting = waits(made)
    assert "more than one reader's copy" in waiting.reason
    assert not waiting.claimable


def test_a_copy_of_another_pacs_gives_nobody_here_anything(made: CopiesWorld) -> None:
    """Copy 01 is R004's there and R001's here: whose it is depends on where it comes from."""
    made.pacs("other", 105, "R004")
    made.agree("other")
    made.make("other")
    made.load(1, FakePeer(), "other")
    images = made.images(1)
    made.receive(a_state(images, a_mark_on(images[0], 5.0, 6.0)), "other")
    assert made.work() == ["read"]
    assert len(made.receipt("R004", copy=1).marks) == 1
    assert made.receipt("R001").marks == ()
    with made.home.read() as uow:
        assert owner_in(uow, 2, SET, "other") is None


def test_an_image_of_no_copy_that_was_made_is_an_alien(made: CopiesWorld) -> None:
    """A number that nobody has names no case; its object is refused, as any stranger's."""
    images = made.images(2)
    for image in images:
        image.StudyInstanceUID, image.AccessionNumber = "2.25.5", f"{SET}10109"
        image.SOPInstanceUID = f"{image.SOPInstanceUID}9"
    ds = a_state(images, a_mark_on(images[0], 5.0, 6.0))
    with pytest.raises(AlienObject):
        made.receive(ds)


# What a PACS and its people see --------------------------------------------------------------


def test_our_node_gives_a_pacs_only_the_copies_that_were_loaded_into_it(
    made: CopiesWorld, tmp_path: Path
) -> None:
    """With C-GET too: what it is given is the copy, byte for byte as it was sent."""
    made.pacs("other", 105, "R004")
    made.agree("other")
    made.make("other")
    index = QueryIndex()

    def wanted(pacs: str, copy: int) -> list[str]:
        (case,) = [case for case in made.passport(copy).cases if case.number == 101]
        study = case.studies[0].study_instance_uid
        request = RetrieveRequest(
            Caller(pacs.upper(), "PACSBRIDGE", "127.0.0.1", pacs), GET, EXPLICIT,
            memoryview(encode(a_question("STUDY", StudyInstanceUID=study))),
        )  # fmt: skip
        found = find_wanted(
            request, Root.STUDY, read=made.home.read, index=index, archive=made.home.archive
        )
        for each in found.objects:
            assert dcmread(each.path).SOPInstanceUID == each.sop_instance_uid
        return [each.sop_instance_uid for each in found.objects]

    own = [str(image.SOPInstanceUID) for image in made.images(2)]
    assert wanted("hospital", 2) == own
    assert wanted("other", 2) == []
    assert wanted("hospital", 0) == []
    assert len(wanted("other", 1)) == 4


def test_orders_of_a_copy_name_the_copy(made: CopiesWorld) -> None:
    """What a hospital's system is told to expect is what comes."""
    orders = orders_for(SET, begin=made.home.read, now=made.home.now, copy=2)
    assert f"{SET}10102,{SET}10102" in orders.table
    assert f"{SET}101," not in orders.table


def test_the_command_shows_the_space_and_sends_only_with_agree(
    world: CopiesWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newcomer sees whose copy is called what, what it takes, and what to type."""
    monkeypatch.setenv("COLUMNS", "120")
    home = str(world.home.config.home)
    run = CliRunner().invoke(load_commands.app, ["copies", SET, "hospital", "--home", home])
    assert run.exit_code == 0, run.output
    assert f"{SET}10102" in run.output
    assert "not yet" in run.output
    assert f"`pacs-bridge load copies {SET} hospital --agree`" in run.output
    agreed = CliRunner().invoke(
        load_commands.app, ["copies", SET, "hospital", "--agree", "--json", "--home", home]
    )
    assert agreed.exit_code == 0, agreed.output
    assert '"agreed": true' in agreed.output
    assert world.plan().is_agreed
