"""One synthetic case through the whole real path, and away again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pacs_bridge.cli.main import build
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import REHEARSAL
from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.domain.probing import Fact
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.scu.probe import DimseProber
from pacs_bridge.services.probe_store import Trial
from pacs_bridge.services.rehearse import REHEARSED, Health, Rehearsal, health, rehearse
from pacs_bridge.services.rehearse_mark import READER, Marking
from pacs_bridge.services.withdraw import REJECTION
from pacs_bridge.wiring.case_sets import import_set
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.rehearse import rehearsal_set
from pacs_bridge.wiring.sending import sending_options
from tests.dying_jobs import Deaths
from tests.homes import a_home
from tests.hospital import a_hospital
from tests.load_desk import FakePeer
from tests.loads import START, a_pacs
from tests.orthanc import running_orthanc
from tests.peers import free_port


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return a_home(tmp_path_factory.mktemp("rehearse") / "home")


def rehearsed(installation: Installation, port: int, **how: Any) -> Rehearsal:
    with installation.begin() as uow:
        uow.pacs.put(a_pacs(port), START)
    return rehearse("hospital", **{**joined(installation), **how})


def joined(installation: Installation) -> dict[str, Any]:
    """Join the service as the product does, but for time-outs."""
    return {
        "begin": installation.begin,
        "make_set": lambda: rehearsal_set(installation),
        "peer": DimsePeer(),
        "retriever": DimsePeer(),
        "archive": installation.archive,
        "now": installation.now,
        "indexing": 30.0,
    }


def stages(done: Rehearsal) -> dict[str, bool | None]:
    return {each.name: each.works for each in done.stages}


def test_the_case_goes_through_orthanc_and_that_it_stays_there_is_said(installation, tmp_path):
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        for _ in range(2):  # the second time it is there already
            done = rehearsed(installation, orthanc.dicom_port)
            assert stages(done) == {
                "sent": True, "found": True, "fetched back": True, "removed": False
            }, done.stages  # fmt: skip
        study = orthanc.find("Study", AccessionNumber=f"{REHEARSAL}101")
    assert done.good
    assert "removed by hand" in done.stages[-1].says
    assert "REHEARSAL" in study[0]["MainDicomTags"]["StudyDescription"]
    with installation.read() as uow:
        kept, notes = uow.proofs.find("hospital", REHEARSED), uow.proofs.find("hospital", REJECTION)
    assert kept is not None
    assert kept.body == done.as_dict()
    assert notes is not None
    assert notes.body["works"] is False


def test_it_is_kept_apart_from_real_sets(installation):
    rehearsal_set(installation)
    with installation.begin() as uow:
        uow.pacs.put(a_pacs(104), START)
        uow.loads.plan(uow.case_sets.get(str(REHEARSAL)), "hospital", START)
        assert uow.loads.all() == []
    with pytest.raises(RefusedInput, match="kept for rehearsals"):
        import_set(installation, Path(), str(REHEARSAL))


class Obedient(FakePeer):
    """A PACS that acts on rejection notes; by hand, as no peer here does."""

    def store(self, pacs: Any, objects: Any, **_: Any) -> Any:
        objects = list(objects)
        yield from super().store(pacs, objects)
        if any(each.sop_class_uid.endswith("88.59") for each in objects):
            self.has.clear()


class Returning:
    """A retriever for it, that gives nothing back."""

    def get(self, *_: Any, **__: Any) -> Any:
        from pacs_bridge.domain.retrieving import Retrieved

        return Retrieved(0xA701)

    move = get


def test_where_rejection_notes_work_it_leaves_and_that_is_learned(installation):
    done = rehearsed(installation, 104, peer=Obedient(), retriever=Returning())
    assert stages(done) == {
        "sent": True, "found": True, "fetched back": False, "removed": True
    }, done.stages  # fmt: skip
    assert not done.good
    with installation.read() as uow:
        learned = uow.proofs.find("hospital", REJECTION)
        assert uow.mails.newest() == []
    assert learned is not None
    assert learned.body["works"] is True


def test_marks_that_nobody_makes_are_said_to_be_missing(installation):
    with a_hospital() as pacs:
        done = rehearsed(installation, pacs.port, wait=0.01)
    (marks,) = (each for each in done.stages if each.name == "marks")
    assert not marks.works
    assert done.good  # nobody was asked to draw


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation whose node and jobs run."""
    home, port = tmp_path_factory.mktemp("running") / "home", free_port()
    home.mkdir()
    settings = f'[node]\nhost = "127.0.0.1"\nport = {port}\n[marks]\nsettle = 0.2\n'
    (home / "config.toml").write_text(settings)
    installation, deaths = a_home(home), Deaths()
    deaths.begin(home)
    yield installation
    deaths.close()


def with_marks(running: Installation, port: int, **how: Any) -> Rehearsal:
    marking = Marking(settle=0.2, arrival=how.pop("arrival", 60.0), scoring=90.0)
    return rehearsed(running, port, marking=marking, **how)


def test_a_mark_comes_back_through_the_node_and_is_scored_in_nobodys_results(running):
    node = running.config.node
    with a_hospital(forward=(node.ae_title, "127.0.0.1", node.port)) as pacs:
        done = with_marks(running, pacs.port)
    assert stages(done) == {
        "sent": True, "found": True, "fetched back": True, "mark saved": True,
        "mark came back": True, "scored": True, "removed": False,
    }, done.stages  # fmt: skip
    says = {each.name: each.says for each in done.stages}
    assert "forwarded" in says["mark came back"]
    assert says["scored"].startswith("read, settled and scored")
    assert done.good
    with running.read() as uow:
        kept = uow.objects.list_newest()
        assert [each.reader for each in kept if each.reader] == [READER]  # of the last one
        assert set(uow.readings.counts()) == {(READER, "scored")}
        assert uow.enrolments.of_reader(READER) == []
        assert uow.case_sets.lines() == []


def test_where_marks_are_not_forwarded_they_are_fetched_and_the_rule_is_asked_for(running):
    node = running.config.node
    with a_hospital(know=((node.ae_title, "127.0.0.1", node.port),)) as pacs:
        done = with_marks(running, pacs.port, arrival=0.5)
    (came,) = (each for each in done.stages if each.name == "mark came back")
    assert came.works, done.stages
    assert "by C-MOVE" in came.says
    assert stages(done)["scored"], done.stages


def test_a_pacs_that_keeps_what_readers_save_is_not_well_unless_they_read_on_the_sheet(running):
    with a_hospital() as pacs:
        done = with_marks(running, pacs.port, arrival=0.2)
        assert not done.good
        assert (stages(done)["mark came back"], stages(done).get("scored")) == (False, None)
        says = {each.name: each.says for each in done.stages}["mark came back"]
        assert "objects of PERFORMS* forwarded to PACSBRIDGE" in says
        with running.begin() as uow:
            uow.pacs.put(a_pacs(pacs.port, isolation=Isolation.SHEET), START)
        done = rehearse("hospital", **joined(running), marking=Marking(settle=0.2))
        assert "mark saved" not in stages(done)
        assert done.good


def tried(ours: Installation, port: int, *, seconds: float) -> dict[str, Fact]:
    peer = DimsePeer()
    trial = Trial(
        ours.begin,
        lambda: rehearsal_set(ours),
        DimseProber(),
        peer,
        peer,
        ours.archive,
        ours.now,
        seconds,
    )
    pacs = a_pacs(port)
    with ours.begin() as uow:
        uow.pacs.put(pacs, START)
    return {fact.what: fact for fact in trial(pacs)}


KINDS = ("mammogram", "presentation state", "comprehensive SR", "key object selection",
         "secondary capture")  # fmt: skip


def test_what_a_pacs_is_really_given_is_looked_for_in_each_way(running):
    node = running.config.node
    with a_hospital(forward=(node.ae_title, "127.0.0.1", node.port)) as pacs:
        facts = tried(running, pacs.port, seconds=5.0)
    for kind in KINDS:
        fact = facts[f"store {kind}, tried"]
        assert fact.works, fact
        assert fact.detail.startswith("stored, found by C-FIND, given back by C-GET"), fact
    for kind in KINDS[1:4]:
        assert facts[f"store {kind}, tried"].detail.endswith(", sent on to us"), facts
    assert facts["store secondary capture, tried"].detail.endswith("not sent on to us")
    assert facts["what was tried has gone again"].works is False


def test_what_a_pacs_takes_and_loses_or_refuses_is_told(installation):
    with a_hospital(quirks=("drop=1",)) as pacs:
        lost = tried(installation, pacs.port, seconds=0.1)
    assert lost["store mammogram, tried"].detail.startswith("stored, not found")
    with a_hospital(quirks=("refuse-store-a900=1",)) as pacs:
        refused = tried(installation, pacs.port, seconds=0.1)
    assert refused["store mammogram, tried"].works is False
    assert refused["store mammogram, tried"].detail.startswith("0xA900")


def test_it_is_sent_in_the_forms_that_the_pacs_takes(installation):
    sending = sending_options(installation)
    with a_hospital(quirks=("accepts-only-implicit",)) as pacs:
        refused = rehearsed(installation, pacs.port)
        done = rehearsed(installation, pacs.port, sending=sending)
    assert not stages(refused)["sent"]
    assert stages(done)["sent"], done.stages


def test_a_pacs_that_takes_and_does_not_find_is_not_well(installation):
    with a_hospital(quirks=("drop=1",)) as pacs:
        done = rehearsed(installation, pacs.port, indexing=0.1)
    assert stages(done)["found"] is False
    assert not done.good


def test_an_operator_rehearses_and_is_told_where_it_fails(installation):
    with installation.begin() as uow:
        uow.pacs.put(a_pacs(free_port()), START)
    home = str(installation.config.home)
    done = CliRunner().invoke(build(), ["rehearse", "hospital", "--json", "--home", home])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["stages"][0]["works"] is False
    assert "failed at: sent" in str(done.exception)


def test_the_health_of_a_pacs_is_its_last_real_proof_with_its_age(installation):
    with installation.begin() as uow:
        uow.pacs.put(a_pacs(104), START)
        body = {"good": True, "stages": []}
        uow.proofs.put("hospital", REHEARSED, body, START)

    def told(**age: float) -> Health:
        (each,) = health(begin=installation.read, now=lambda: START + timedelta(**age))
        return each

    assert told(hours=3.5) == Health("hospital", good=True, says="last real proof 3 h ago")
    assert "rehearse hospital" in told(days=8).says
    failed = {"stage": "found", "works": False, "says": "It finds nothing."}
    with installation.begin() as uow:
        uow.proofs.put("hospital", REHEARSED, {"good": False, "stages": [failed]}, START)
    assert told(minutes=5) == Health(
        "hospital", good=False, says="failed at: found, 5 min ago; It finds nothing."
    )
    assert told(days=8).good  # too old to accuse anybody
