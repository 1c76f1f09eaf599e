"""A home with a set at one PACS that does not push what its readers save."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.domain.pulling import Pulled
from pacs_bridge.scu.store import store
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.pulling import build_pull
from tests.builders import a_passport
from tests.nodes import OUR_IMAGE, as_file
from tests.unit.sr_builders import a_graphic, a_state, a_text, an_annotation
from tests.waiting_objects import read_waiting

CASE, OTHER_CASE = "PERFORMS121101", "PERFORMS121102"
EXPLICIT = "1.2.840.10008.1.2.1"
PATIENCE = {"connect": 60.0, "acse": 60.0, "dimse": 60.0, "network": 60.0}


class World:
    """A home with a set that stands at one PACS, and what jobs do with what arrived."""

    def __init__(self, empty: Path, folder: Path, port: int, **pacs: Any) -> None:
        self.folder, self.port = folder, port
        self.home = Installation.open(shutil.copytree(empty, folder / "home"))
        roles = ("store", "query", "retrieve", "calls-from")
        endpoints = (Endpoint("HOSPITAL", "127.0.0.1", port, roles),)
        told = {"endpoints": endpoints, "plain": True, "timeouts": PATIENCE} | pacs
        self.pacs = Pacs("hospital", **told)
        passport, now = a_passport(101, 102), self.home.now()
        with self.home.begin() as uow:
            uow.case_sets.add(passport)
            uow.pacs.put(self.pacs, now)
            load = uow.loads.plan(passport, "hospital", now)
            uow.loads.set_readiness(load.load_id, Readiness.READY)
            uow.sites.put(Site("north", "hospital"))
            uow.rounds.put(Round("PERFORMS121", now, now + timedelta(days=365)))
            uow.readers.add("R001", now)
            uow.readers.set_alias("hospital", "jsmith", "R001")
            uow.enrolments.put(Enrolment("PERFORMS121", "R001", "north", consent=True))
            uow.enrolments.release("PERFORMS121", "R001", now)

    def pull(self, set_name: str = "") -> Pulled:
        return build_pull(self.home)("hospital", set_name)

    def save(self, *objects: Dataset) -> None:
        """Save objects at the PACS, as a viewer does."""
        files = [
            Sendable(
                as_file(self.folder / f"{n}.dcm", ds),
                str(ds.SOPClassUID), str(ds.SOPInstanceUID), EXPLICIT,
            )
            for n, ds in enumerate(objects)
        ]  # fmt: skip
        assert [each.status for each in store(self.pacs, files)] == [0] * len(files)

    def work(self) -> list[str]:
        """Do what the jobs do with what arrived; gives what became of each."""
        return read_waiting(self.home)

    def objects(self) -> dict[str, Any]:
        with self.home.read() as uow:
            return {each.sop_instance_uid: each for each in uow.objects.list_newest()}


def at_pacs(ds: Dataset, modality: str, number: int = 7, **changes: Any) -> Dataset:
    """Complete an object with what a PACS files it under."""
    ds.PatientID = ds.AccessionNumber = CASE
    ds.PatientName, ds.Modality = "PERFORMS121^101", modality
    ds.SeriesInstanceUID = f"1.2.101.{number}"
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def a_mark(uid: str = "1.2.3.9.1") -> Dataset:
    drawn = an_annotation(
        a_graphic("POINT", 100.0, 200.0), a_text("M4", 100.0, 200.0), images=(OUR_IMAGE,)
    )
    ds = a_state(drawn, images=(OUR_IMAGE,), SOPInstanceUID=uid, StudyInstanceUID="1.2.101.1",
                 ContentCreatorName="jsmith")  # fmt: skip
    return at_pacs(ds, "PR")
