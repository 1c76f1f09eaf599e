"""Whole loads into the sandbox PACS with quirks, and what its contact then sees."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from threading import Event
from time import monotonic

import pydicom
from pydicom.filewriter import dcmwrite
from pydicom.uid import RLELossless

from pacs_bridge.archive.copies import Copies
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.caseset import Case, Instance, Passport, Series
from pacs_bridge.domain.errors import GiveUp, RetryLater
from pacs_bridge.domain.loading import CaseVerdict, Readiness
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.sentences import NEEDS_CONTACT
from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.intact import check_load
from pacs_bridge.services.plan import load_status, start_load
from pacs_bridge.services.send import note_load, park_load, reopen_missing, send_next
from pacs_bridge.services.verify import Sweep, verify_load
from pacs_bridge.wiring.sending import make_copy
from tests.loads import START, House, a_house, a_pacs, a_passport
from tests.mammograms import TOMOSYNTHESIS

SET = "PERFORMS121"
PEER = DimsePeer()
Change = Callable[[Series, pydicom.Dataset, LocalArchive], list[Series]]
CASES = int(os.environ.get("ZOO_CASES") or 2)
"""In each load; 64 is a full set."""

_FULL = CASES >= 16
_ATTEMPTS, _FAILURES = (5, 40) if _FULL else (3, 12)  # a real load has 5 and 40
_SILENCE = 3.0  # seconds without answers after which it is given up


@dataclass(frozen=True)
class Seen:
    """What a contact sees of a load, and what is so.

    Parameters
    ----------
    note : str
        Of the load.
    sentences : tuple of str
        Each different instruction, as of the first case that has it.
    is_fine : bool
        By the PACS itself: every image of every case is held, listed as named, intact, at hand.
    cases : tuple of CaseVerdict
        As the load's page lists them.
    """

    readiness: Readiness
    complete: frozenset[str]
    findable: frozenset[str]
    near: frozenset[str]
    evidence: tuple[str, ...]
    sentences: tuple[str, ...]
    note: str
    is_fine: bool
    cases: tuple[CaseVerdict, ...] = ()


@dataclass
class Zoo:
    """One load, driven in the order of the load job; its clock is ours."""

    house: House
    copies: Copies
    passport: Passport
    patience: float
    _pause: Event = field(default_factory=Event)

    def run(self) -> None:
        """Send, verify, send again what is missing, until ready or at a loss."""
        for attempt in range(_ATTEMPTS):
            if not self._send_all():
                break
            sweep = self._settle()
            if sweep.readiness is Readiness.READY:
                return
            if not sweep.missing or attempt == _ATTEMPTS - 1:
                break
            reopen_missing(1, sweep.missing, begin=self.house.begin, now=self.house.now)
        park_load(1, NEEDS_CONTACT, begin=self.house.begin, now=self.house.now)

    def sweep(self) -> Sweep:
        house = self.house
        look = partial(
            check_load, begin=house.begin, peer=PEER, archive=house.archive, now=house.now
        )
        return verify_load(1, begin=house.begin, peer=PEER, now=house.now, look_at=look)

    def _send_all(self) -> bool:
        failures = 0
        while failures < _FAILURES:
            try:
                left = send_next(
                    1, 16, begin=self.house.begin, peer=PEER,
                    archive=self.house.archive, now=self.house.now, convert=self.copies.of,
                )  # fmt: skip
            except (RetryLater, GiveUp) as error:
                note_load(1, str(error), begin=self.house.begin)
                failures += 1
                self.house.pass_time(600)
                continue
            failures = 0
            if not left:
                return True
        return False

    def _settle(self) -> Sweep:
        """Sweep while an answer may still change; then let the grace pass, and sweep again."""
        begun, silent = monotonic(), 0
        while True:
            sweep = self.sweep()
            silent += bool(sweep.unanswered)
            waited = monotonic() - begun
            if sweep.readiness is Readiness.READY or (silent > _ATTEMPTS and waited > _SILENCE):
                return sweep
            if not sweep.unanswered and (not sweep.waiting or waited > self.patience):
                break
            self._pause.wait(0.05)
        self.house.pass_time(901)
        return self.sweep()


def run(
    folder: Path,
    store: Path,
    quirks: Sequence[str],
    *,
    cases: int = CASES,
    kind: str = "plain",
    then: Sequence[str] | None = None,
    routed: bool = False,
    patience: float = 0.0,
) -> Seen:
    """Load a small set into a PACS with quirks and tell what its contact sees at the end.

    Parameters
    ----------
    store : Path
        Where images are kept that other loads of this run need, too.
    kind : str
        Of images: ``plain``, ``rle`` or ``with tomosynthesis``.
    then : sequence of str, optional
        Quirks that it has from the moment when the load has ended; two more sweeps follow.
    routed : bool
        Whether the quirks are those of a router that images go to; what is asked has none.
    patience : float
        Seconds in which the index may catch up, before the grace is said to be over.
    """
    (folder / "pacs").mkdir(parents=True)
    archive, passport = images(store, kind, cases)
    with ExitStack() as stack:
        house = stack.enter_context(a_house(folder, archive))
        pacs = stack.enter_context(_hospital(folder, () if routed else quirks))
        router = stack.enter_context(_router(folder, quirks, pacs)) if routed else pacs
        with house.begin() as uow:
            uow.case_sets.add(passport)
            uow.pacs.put(_registered(router.port, pacs.port, _answer_seconds(quirks)), START)
        start_load(SET, "hospital", begin=house.begin, now=house.now)
        zoo = Zoo(house, Copies(store / "copies", make_copy), passport, patience)
        zoo.run()
        if then is not None:
            pacs.stop()
            pacs = stack.enter_context(_hospital(folder, then, port=pacs.port))
            house.pass_time(86_400)
            zoo.sweep()
            zoo.sweep()
        return _seen(zoo, pacs, quirks if then is None else then)


@contextmanager
def _hospital(folder: Path, quirks: Sequence[str], port: int = 0) -> Iterator[SandboxPacs]:
    config = SandboxPacsConfig("HOSPITAL", port, store=folder / "pacs", quirks=tuple(quirks))
    with SandboxPacs(config) as pacs:
        yield pacs


@contextmanager
def _router(folder: Path, quirks: Sequence[str], behind: SandboxPacs) -> Iterator[SandboxPacs]:
    remote = ("HOSPITAL", "127.0.0.1", behind.port)
    config = SandboxPacsConfig(
        "ROUTER", store=folder / "router", quirks=tuple(quirks), router=remote
    )
    with SandboxPacs(config) as pacs:
        yield pacs


def _answer_seconds(quirks: Sequence[str]) -> float:
    """Few where an answer is kept waiting for; else so many that no slow machine is left."""
    return 3.0 if any(quirk.startswith("stall") for quirk in quirks) else 60.0


def _registered(store: int, query: int, answer: float) -> Pacs:
    timeouts = {"connect": 30.0, "acse": 30.0, "dimse": answer, "network": 30.0}
    if store == query:
        return a_pacs(query, timeouts=timeouts)
    endpoints = (
        Endpoint("ROUTER", "127.0.0.1", store, ("store",)),
        Endpoint("HOSPITAL", "127.0.0.1", query, ("query", "retrieve", "calls-from")),
    )
    return a_pacs(query, endpoints=endpoints, timeouts=timeouts)


def _seen(zoo: Zoo, pacs: SandboxPacs, quirks: Sequence[str]) -> Seen:
    status = load_status(1, begin=zoo.house.begin)
    sentences = dict.fromkeys(_of_all(c.instruction, c.accession) for c in status.cases)
    return Seen(
        status.load.readiness,
        frozenset(case.complete for case in status.cases),
        frozenset(case.findable for case in status.cases),
        frozenset(case.near for case in status.cases),
        tuple(dict.fromkeys(_of_all(c.evidence, c.accession) for c in status.cases)),
        tuple(filter(None, sentences)),
        status.load.note,
        is_fine(zoo.passport, pacs, _SILENT.isdisjoint(quirks)),
        status.cases,
    )


def _of_all(sentence: str, accession: str) -> str:
    """A sentence as it stands at every case, with the first one's number."""
    return sentence.replace(accession, f"{SET}101")


_SILENT = frozenset(["keys-are-conditions"])
"""Of one that never says where it keeps images, *unknown* is all that can be known."""


def is_fine(passport: Passport, pacs: SandboxPacs, says_where: bool = True) -> bool:
    """Ask the PACS itself, past every dialect, whether a reader can read all of a set."""
    at_hand = pacs.is_online() or not says_where
    return at_hand and all(_case_is_fine(case, pacs) for case in passport.cases)


def _case_is_fine(case: Case, pacs: SandboxPacs) -> bool:
    listed = {entry.sop_instance_uid: entry for entry in pacs.listed(case.accession)}
    held, ours = pacs.held(), {image.sop_instance_uid: image for image in case.instances()}
    kinds = {image.sop_class_uid for image in ours.values()}
    strangers = [e for uid, e in listed.items() if e.sop_class_uid in kinds and uid not in ours]
    if strangers or not ours.keys() <= listed.keys() & held.keys():
        return False
    for uid, image in ours.items():
        entry = listed[uid]
        said = (entry["Rows"], entry["Columns"], entry["PatientID"])
        if said != (str(image.rows), str(image.columns), case.patient_id):
            return False
        kept = pydicom.dcmread(held[uid].path)
        if hashlib.sha256(kept.pixel_array.tobytes()).hexdigest() != _pixels(image, case):
            return False
    return True


def _pixels(image: Instance, case: Case) -> str:
    """The decoded pixels that an image of `tests.loads` has."""
    return hashlib.sha256(bytes([case.number % 251, 1]) * (image.rows * image.columns)).hexdigest()


@cache
def images(store: Path, kind: str, cases: int) -> tuple[LocalArchive, Passport]:
    """Make a set of images and keep them for every load of this process."""
    archive = LocalArchive(store)
    passport = a_passport(archive, cases)
    if kind == "plain":
        return archive, passport
    change = _as_rle if kind == "rle" else _and_tomosynthesis
    changed = tuple(_changed(case, change, archive) for case in passport.cases)
    return archive, replace(passport, cases=changed)


def _changed(case: Case, change: Change, archive: LocalArchive) -> Case:
    [study] = case.studies
    series: list[Series] = []
    for each in study.series:
        [image] = each.instances
        series.extend(change(each, pydicom.dcmread(archive.path(image.content_hash)), archive))
    return replace(case, studies=(replace(study, series=tuple(series)),))


def _as_rle(series: Series, ds: pydicom.Dataset, archive: LocalArchive) -> list[Series]:
    ds.compress(RLELossless, generate_instance_uid=False)
    return [_again(series, ds, archive)]


def _and_tomosynthesis(series: Series, ds: pydicom.Dataset, archive: LocalArchive) -> list[Series]:
    if series.series_number != 1:
        return [series]
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = TOMOSYNTHESIS
    ds.SeriesInstanceUID += "99"
    ds.SOPInstanceUID += "99"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return [series, _again(replace(series, series_instance_uid=ds.SeriesInstanceUID), ds, archive)]


def _again(series: Series, ds: pydicom.Dataset, archive: LocalArchive) -> Series:
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    data = buffer.getvalue()
    archive.put(data)
    image = replace(
        series.instances[0],
        sop_instance_uid=str(ds.SOPInstanceUID),
        sop_class_uid=str(ds.SOPClassUID),
        transfer_syntax_uid=str(ds.file_meta.TransferSyntaxUID),
        content_hash=hashlib.sha256(data).hexdigest(),
        size=len(data),
    )
    return replace(series, instances=(image,))
