"""A home with a set, a PACS that is read by copies, and two readers who share one log-in there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.claims import Waiting
from pacs_bridge.domain.marks import Mark
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.pacs import Endpoint, Isolation, Pacs
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.domain.ports import PacsPeer
from pacs_bridge.domain.reader_copies import CopiesPlan, name_in_copy
from pacs_bridge.domain.receipts import Receipt
from pacs_bridge.scp.status import store_status
from pacs_bridge.services.reader_copies import agree_copies, make_copies, plan_copies
from pacs_bridge.services.receipts import show_receipt
from pacs_bridge.services.receive import Rules, receive_object
from pacs_bridge.services.send import send_next
from pacs_bridge.services.verify import verify_load
from pacs_bridge.sr.write import header, write_gsps, write_report
from pacs_bridge.wiring.case_sets import import_set
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.reader_copies import making_of
from tests.builders import NOON, a_mark, both_decided
from tests.homes import a_home
from tests.mammograms import a_folder
from tests.nodes import a_request
from tests.waiting_objects import read_waiting

SET, LOGIN = "PERFORMS121", "radiology"
ROLES = ("store", "query", "retrieve", "calls-from")
PATIENCE = {"connect": 60.0, "acse": 60.0, "dimse": 60.0, "network": 60.0}


def a_template(folder: Path) -> Path:
    """A home with the set imported: practice case 001 and test case 101, four images each."""
    home = a_home(folder / "home")
    import_set(home, a_folder(folder / "images", 2, rows=32, columns=24), SET, partial=True)
    home.engine.dispose()
    return folder / "home"


class CopiesWorld:
    """One home, its services, and what its jobs would do."""

    def __init__(
        self, template: Path, folder: Path, port: int = 104, *, fresh: bool = True
    ) -> None:
        self.home = Installation.open(shutil.copytree(template, folder / "home"))
        self.now = self.home.now()
        if fresh:
            self.pacs("hospital", port, "R001", "R002")

    def close(self) -> None:
        self.home.engine.dispose()
        self.home.reading_engine.dispose()

    def pacs(self, name: str, port: int, *readers: str) -> None:
        """Register a PACS that is read by copies, with a site and its readers."""
        endpoint = Endpoint(name.upper(), "127.0.0.1", port, ROLES)
        pacs = Pacs(name, (endpoint,), plain=True, timeouts=PATIENCE, isolation=Isolation.COPIES)
        with self.home.begin() as uow:
            uow.pacs.put(pacs, self.now)
            uow.sites.put(Site(f"{name}-unit", name))
            hour, year = timedelta(hours=1), timedelta(days=365)
            uow.rounds.put(Round(SET, self.now - hour, self.now + year))
        for reader in readers:
            self.enrol(reader, name)

    def enrol(self, reader: str, pacs: str = "hospital", **changes: Any) -> None:
        given: dict[str, Any] = {"consent": True} | changes
        with self.home.begin() as uow:
            uow.readers.add(reader, self.now)
            uow.enrolments.put(Enrolment(SET, reader, f"{pacs}-unit", **given))

    # Copies -----------------------------------------------------------------------------------

    def plan(self, pacs: str = "hospital") -> CopiesPlan:
        return plan_copies(SET, pacs, begin=self.home.read)

    def agree(self, pacs: str = "hospital") -> CopiesPlan:
        size = self.plan(pacs).to_agree
        return agree_copies(SET, pacs, size, begin=self.home.begin, now=self.home.now)

    def make(self, pacs: str = "hospital") -> tuple[int, ...]:
        making = making_of(self.home)
        return make_copies(SET, pacs, begin=self.home.begin, making=making, now=self.home.now)

    def load(self, copy: int, peer: PacsPeer, pacs: str = "hospital") -> str:
        """Send a copy and verify it, as its job would; gives its readiness."""
        begin, archive, now = self.home.begin, self.home.archive, self.home.now
        with self.home.read() as uow:
            found = uow.loads.find(SET, pacs, copy)
        assert found is not None
        while send_next(found.load_id, 64, begin=begin, peer=peer, archive=archive, now=now):
            pass
        sweep = verify_load(
            found.load_id, begin=begin, peer=peer, now=now, grace=0.0, public_url=""
        )
        return sweep.readiness.value

    def passport(self, copy: int = 0) -> Passport:
        with self.home.read() as uow:
            return uow.case_sets.get(SET, copy)

    def images(self, copy: int, number: int = 101) -> list[Dataset]:
        """The images of a case as a PACS has them."""
        (case,) = [case for case in self.passport(copy).cases if case.number == number]
        return [dcmread(self.home.archive.path(i.content_hash)) for i in case.instances()]

    # Marks ------------------------------------------------------------------------------------

    def receive(self, ds: Dataset, pacs: str = "hospital") -> None:
        """Let the node take an object that this PACS pushes."""
        home, rules = self.home, Rules(frozenset((str(ds.SOPClassUID),)), b"k", store_status)
        receive_object(
            a_request(ds, caller=Caller(pacs.upper(), "PACSBRIDGE", "127.0.0.1", pacs)),
            begin=home.begin, read=home.read,
            commit=self._commit, archive=home.archive, rules=rules, now=home.now,
        )  # fmt: skip

    def _commit(self, change: Callable[[UnitOfWork], object]) -> None:
        with self.home.begin() as uow:
            change(uow)

    def work(self) -> list[str]:
        """Do what the jobs do with what arrived; gives what became of each."""
        return read_waiting(self.home)

    def receipt(self, reader: str, copy: int = 0, number: int = 101) -> Receipt:
        """What a reader is shown of a case, asked for by the name it has in a copy."""
        name = name_in_copy(f"{SET}{number:03d}", copy)
        return show_receipt(reader, name, begin=self.home.read, now=self.home.now)

    def waiting(self) -> list[Waiting]:
        """What waits for somebody to say whose it is."""
        with self.home.read() as uow:
            return uow.claims.waiting()


def a_mark_on(image: Dataset, x: float, y: float) -> Mark:
    """A point on an image."""
    return a_mark(image=str(image.SOPInstanceUID), points=((x, y),), centre=(x, y), text="M4")


def a_state(
    images: list[Dataset], *marks: Mark, uid: str = "2.25.701", login: str = LOGIN
) -> Dataset:
    """A presentation state as a viewer saves it, with a decision for each breast."""
    return write_gsps(
        [header(image) for image in images], marks, both_decided(), login=login,
        series_uid=f"{uid}1", sop_uid=uid, when=NOON,
    )  # fmt: skip


def a_report(
    images: list[Dataset], *marks: Mark, uid: str = "2.25.702", login: str = LOGIN
) -> Dataset:
    """A report (TID 1500) as a viewer saves it."""
    return write_report(
        [header(image) for image in images], marks, both_decided(), login=login,
        series_uid=f"{uid}1", sop_uid=uid, when=NOON,
    )  # fmt: skip
