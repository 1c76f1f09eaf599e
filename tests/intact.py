"""A load whose images are at a real PACS, for tests of what it gives back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.intact import IntactCheck
from pacs_bridge.domain.loading import InstanceState, Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.people import Role, Site
from pacs_bridge.domain.retrieving import Arriving, Asked, Progress, Retrieved
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.intact import check_load
from pacs_bridge.services.plan import start_load
from pacs_bridge.services.send import send_next
from tests.loads import START, House, a_pacs, a_passport
from tests.nodes import encode
from tests.peers import free_port, need
from tests.waiting import wait_until

SET = "PERFORMS121"
EXPLICIT = "1.2.840.10008.1.2.1"


def a_load(house: House, pacs: Pacs, *, cases: int = 2, **image: Any) -> Passport:
    """Make a set and its load, nothing sent yet; its number is 1."""
    passport = a_passport(house.archive, cases, **image)
    with house.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(pacs, START)
    start_load(SET, pacs.name, begin=house.begin, now=house.now)
    return passport


def send(house: House, peer: Any) -> None:
    """Send all of it."""
    while send_next(
        1, 16, begin=house.begin, peer=peer, archive=house.archive, now=house.now, attempts=1
    ):
        pass


def ready(house: House) -> None:
    with house.begin() as uow:
        uow.loads.set_readiness(1, Readiness.READY)


def a_sent_load(house: House) -> None:
    passport = a_load(house, a_pacs(104))
    with house.begin() as uow:
        uow.sites.put(Site("unit", "hospital"))
        uow.accounts.put("pacs@hospital.example", "x", [Role.CONTACT], START, sites=["unit"])
        for *_, image in passport.instances():
            uow.loads.settle(1, image.sop_instance_uid, InstanceState.STORED, START, status=0)
    ready(house)


def check(house: House, peer: Any = None, **how: Any) -> IntactCheck:
    return check_load(
        1,
        begin=house.begin,
        peer=peer or DimsePeer(),
        archive=house.archive,
        now=house.now,
        **how,
    )


Alter = Callable[[Dataset], tuple[str, bytes] | None]


class Altering:
    """A PACS that has all that was sent to it, and gives it back altered; our port, by hand."""

    def __init__(self, house: House, alter: Alter) -> None:
        self.asked: list[Asked] = []
        self._house, self._alter = house, alter

    def get(self, _pacs: Any, asked: Asked, open_sink: Any, *, kinds: Any, **_: Any) -> Retrieved:
        self.asked.append(asked)
        sent = 0
        for uid, path in self._paths().items():
            if uid not in asked.sop_instance_uids:
                continue
            ds = pydicom.dcmread(path)
            made = self._alter(ds)
            if made is None or not any(made[0] in syntaxes for _, syntaxes in kinds):
                continue
            sink = open_sink(Arriving(ds.SOPClassUID, uid, made[0]))
            sink.write(memoryview(made[1]))
            assert sink.finish() == 0
            sent += 1
        return Retrieved(0x0000, counted=Progress(completed=sent))

    def _paths(self) -> dict[str, Path]:
        with self._house.begin() as uow:
            images = [image for *_, image in uow.case_sets.get(SET).instances()]
        return {i.sop_instance_uid: self._house.archive.path(i.content_hash) for i in images}


def plainly(change: Callable[[Dataset], object]) -> Alter:
    """Alter a data set and give it back uncompressed."""

    def alter(ds: Dataset) -> tuple[str, bytes]:
        change(ds)
        return EXPLICIT, encode(ds)

    return alter


@contextmanager
def dcmqrscp(folder: Path, *words: str) -> Iterator[int]:
    """Run DCMTK's archive on what lies in ``store`` of a folder; gives its port."""
    program, port = need("dcmqrscp", "dcmtk"), free_port()
    (folder / "qr.cfg").write_text(
        "NetworkTCPPort = 0\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nHOSPITAL {folder}/store RW (200, 1024mb) ANY\nAETable END\n"
    )
    command = [program, *words, "-c", str(folder / "qr.cfg"), str(port)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, stdout=quiet, stderr=quiet)
    try:
        wait_until(lambda: _answers(port), "dcmqrscp to answer")
        yield port
    finally:
        process.terminate()
        process.wait(60)


def _answers(port: int) -> bool:
    try:
        DimsePeer().echo(a_pacs(port))
    except PeerUnavailable:
        return False
    return True
