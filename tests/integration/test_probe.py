"""Trying what a PACS can do, and naming what appeared around our cases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from pacs_bridge.cli.main import build
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.objects import Association, Caller
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.probing import ProbeReport
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.scu.probe import DimseProber
from pacs_bridge.services.plan import start_load
from pacs_bridge.services.probe import PROBE, probe_pacs
from pacs_bridge.services.send import send_next
from pacs_bridge.services.site_pack import OurNode
from tests.homes import a_home
from tests.hospital import KEY_OBJECT, a_hospital, a_mark
from tests.hospital import send as send_objects
from tests.intact import SET, a_load, dcmqrscp, send
from tests.loads import START, House, a_house, a_pacs, a_passport
from tests.orthanc import running_orthanc
from tests.peers import free_port

NODE = OurNode("node.example", 11112, None, {"1.2.840.10008.5.1.4.1.1.11.1": "GSPS"}, "office")
CAD = "1.2.840.10008.5.1.4.1.1.88.50"
STUDY = "1.2.826.0.1.3680043.10.99.101.1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path) as house:
        yield house


def probed(house: House) -> ProbeReport:
    return probe_pacs(
        "hospital",
        begin=house.begin,
        prober=DimseProber(),
        peer=DimsePeer(),
        retriever=DimsePeer(),
        now=house.now,
        node=NODE,
    )


def loaded(house: House, pacs: Pacs) -> None:
    a_load(house, pacs)
    send(house, DimsePeer())


def works(report: ProbeReport) -> dict[str, bool | None]:
    return {fact.what: fact.works for fact in report.facts}


def an_alien(accession: str, modality: str, number: int, study: str = STUDY) -> Dataset:
    ds = a_mark(number, KEY_OBJECT)
    ds.StudyInstanceUID, ds.AccessionNumber, ds.PatientID = study, accession, accession
    ds.SeriesInstanceUID, ds.SOPInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.1"
    ds.Modality = modality
    if modality == "SR":
        ds.SOPClassUID = CAD
    return ds


def test_what_orthanc_can_is_told_and_kept(house, tmp_path):
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        loaded(house, a_pacs(orthanc.dicom_port))
        report = probed(house)
    can = works(report)
    for what in ("echo", "store mammogram", "query, Study Root", "find by wildcard",
                 "find by a list of study UIDs", "find images", "C-GET gives an image back",
                 "storage commitment"):  # fmt: skip
        assert can[what] is True, (what, report.facts)
    assert can["C-MOVE to our node"] is False  # it does not know us
    assert can["rejection notes (IOCM)"] is None
    (stored,) = (fact for fact in report.facts if fact.what == "store mammogram")
    assert "JPEG 2000 lossless" in stored.detail
    assert report.appeared == ()
    assert "when: Accession Number begins with PERFORMS121" in report.rule
    assert any("node.example port 11112" in line for line in report.firewall)
    with house.begin() as uow:
        kept = uow.proofs.find("hospital", PROBE)
    assert kept is not None
    assert kept.body == report.as_dict()


def test_what_dcmqrscp_cannot_is_told(house, tmp_path):
    folder = tmp_path / "qr"
    (folder / "store").mkdir(parents=True)
    with dcmqrscp(folder) as port:
        loaded(house, a_pacs(port))
        can = works(probed(house))
    assert can["storage commitment"] is False
    assert can["instance availability notification"] is False
    assert (can["find images"], can["C-GET gives an image back"]) == (True, True)


def test_what_appeared_is_named_with_what_to_ask_for(house, tmp_path):
    with a_hospital() as pacs:
        loaded(house, a_pacs(pacs.port))
        aliens = [an_alien(f"{SET}101", "SR", 1), an_alien(f"{SET}101", "PR", 2)]
        aliens.append(an_alien(f"{SET}101", "KO", 3, study="1.2.3.99"))
        send_objects(pacs, *aliens, folder=tmp_path)
        with house.begin() as uow:
            caller = Caller("VNA", "PACSBRIDGE", "10.0.0.7", "hospital")
            uow.associations.put(Association("a", START, caller, requests={"C-FIND": 3}))
        report = probed(house)
    found = {(each.modality, each.sop_class_uid, each.objects) for each in report.appeared}
    assert ("SR", CAD, 1) in found
    assert ("PR", KEY_OBJECT, 1) in found
    assert any(modality == "study" for modality, *_ in found)
    assert len(found) == 3
    assert any(f"AI or CAD service: exclude {SET}* from that rule" in a for a in report.advice)
    assert any("Presentation states" in each for each in report.advice)
    assert report.callers == ("VNA at 10.0.0.7: 3 C-FIND",)


def test_a_pacs_with_quirks_is_told_from_one_without(house):
    with a_hospital(quirks=("refuse-image-level", "no-counts")) as pacs:
        loaded(house, a_pacs(pacs.port))
        can = works(probed(house))
    assert (can["find images"], can["counts of objects"], can["find series"]) == (
        False, False, True,
    )  # fmt: skip


def test_without_a_set_there_the_services_are_tried_and_nothing_is_asked(house):
    with a_hospital() as pacs:
        with house.begin() as uow:
            uow.pacs.put(a_pacs(pacs.port), START)
        can = works(probed(house))
    assert can["store mammogram"] is True
    assert can["questions about practice cases"] is None
    assert "find images" not in can


def test_a_pacs_that_is_away_is_not_probed(house):
    with house.begin() as uow:
        uow.pacs.put(a_pacs(free_port()), START)
    with pytest.raises(PeerUnavailable):
        probed(house)


def test_an_operator_probes_checks_and_withdraws(tmp_path):
    installation = a_home(tmp_path / "home")
    begin, now = installation.begin, installation.now
    with a_hospital() as pacs:
        with begin() as uow:
            uow.case_sets.add(a_passport(installation.archive, 1))
            uow.pacs.put(a_pacs(pacs.port), START)
        load = start_load(SET, "hospital", begin=begin, now=now)
        how: dict[str, Any] = {"begin": begin, "archive": installation.archive, "now": now}
        while send_next(load.load_id, 16, peer=DimsePeer(), attempts=1, **how):
            pass
        home = ["--home", str(tmp_path / "home"), "--json"]
        told = ran("pacs", "probe", "hospital", *home)
        checked = ran("load", "check", SET, "hospital", "--all", *home)
        verified = ran("load", "verify", SET, "hospital", *home)
        left = ran("load", "withdraw", SET, "hospital", "--csv", str(tmp_path / "l.csv"), *home)
    assert told[0] == 0, told
    assert {"echo", "find images"} <= {fact["what"] for fact in json.loads(told[1])["facts"]}
    assert (checked[0], json.loads(checked[1])["grade"]) == (0, "intact")
    assert (verified[0], json.loads(verified[1])["intact"]["compared"]) == (0, 4)
    assert left[0] == 1
    assert json.loads(left[1])["left"] == {f"{SET}101": "4 objects still there"}
    assert "still has 1 of these cases" in left[2]
    assert f"{SET}101" in (tmp_path / "l.csv").read_text()


def ran(*words: str) -> tuple[int, str, str]:
    """Run a command here, as a process of its own would: status, output, what it says."""
    done = CliRunner().invoke(build(), words)
    return done.exit_code, done.stdout, str(done.exception)
