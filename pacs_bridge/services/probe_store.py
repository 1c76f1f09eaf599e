"""What a PACS does with objects that it is really given: stored, found, handed back, sent on.

What it accepts when it is offered a service says little: PACS accept classes that they refuse one
by one, file them where no query looks, and keep what readers save to themselves. So, where an
administrator says so, one synthetic object of each kind goes into the study of the rehearsal's
case, is looked for in each way, and is withdrawn with that study.

References
----------
QUIRKS.md C1 (wrong abstract syntax), C7 (the capability test).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import Dataset, dcmread

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.deid.part10 import write_part10
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.errors import GiveUp, PeerUnavailable
from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Archive, Clock, PacsPeer, Sendable, StoreAnswer
from pacs_bridge.domain.probing import Fact, Prober
from pacs_bridge.domain.retrieving import Asked, Retriever
from pacs_bridge.services.fetch import Folder
from pacs_bridge.services.rehearse_mark import LOGIN
from pacs_bridge.services.withdraw import withdraw_load
from pacs_bridge.sr.rejection import write_rejection
from pacs_bridge.sr.write import derive_uid, group_by_size, write_gsps, write_report

SENT_ON = 15.0
"""Seconds that a PACS is given to send on what it took."""

_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_POLL = 0.2


@dataclass(frozen=True)
class Trial:
    """What a trial needs beside the PACS.

    Parameters
    ----------
    make_set : callable
        Gives the passport of the rehearsal's set.
    seconds : float
        How long to wait for what is sent on to our node.
    """

    begin: Begin
    make_set: Callable[[], Passport]
    prober: Prober
    peer: PacsPeer
    retriever: Retriever
    archive: Archive
    now: Clock
    seconds: float = SENT_ON

    def __call__(self, pacs: Pacs) -> list[Fact]:
        """Give a PACS one object of each kind, and tell what became of each."""
        passport = self.make_set()
        (case,) = passport.cases
        with self.begin() as uow:
            load_id = uow.loads.plan(passport, pacs.name, self.now()).load_id
        facts = []
        with TemporaryDirectory(prefix="tried-") as folder:
            tried = [
                (words, ds, _save(ds, Path(folder))) for words, ds in self._objects(case, pacs)
            ]
            try:
                answers = [self._store(pacs, each) for *_, each in tried]
            except PeerUnavailable as error:
                return [Fact("store, tried", None, str(error))]
            came = self._sent_on([str(ds.SOPInstanceUID) for _, ds, _ in tried[1:]])
            for (words, ds, _), answer in zip(tried, answers, strict=True):
                facts.append(self._fact(pacs, words, ds, answer, came))
        return [*facts, self._removed(load_id)]

    def _objects(self, case: Case, pacs: Pacs) -> Iterator[tuple[str, Dataset]]:
        """Make them: the first image as it is archived, and what people and programs add."""
        (study,) = case.studies
        images = [dcmread(self.archive.path(i.content_hash)) for i in study.instances()]
        yield "mammogram", images[0]
        group, moment = max(group_by_size(images), key=len), self.now()
        decisions = (BreastDecision("R", "RTS", 1), BreastDecision("L", "RTS", 1))

        def uids(what: str) -> tuple[str, str]:
            series, one = (derive_uid(part, what, pacs.name, moment) for part in ("in", "tried"))
            return series, one

        series, uid = uids("state")
        yield (
            "presentation state",
            write_gsps(
                group, (), decisions, login=LOGIN, series_uid=series, sop_uid=uid, when=moment
            ),
        )
        series, uid = uids("report")
        yield (
            "comprehensive SR",
            write_report(
                images, (), decisions, login=LOGIN, series_uid=series, sop_uid=uid, when=moment
            ),
        )
        note = write_rejection(case, study, when=moment)
        title = note.ConceptNameCodeSequence[0]
        title.CodeValue, title.CodeMeaning = "113000", "Of Interest"
        note.SeriesInstanceUID, note.SOPInstanceUID = uids("key object")
        yield "key object selection", note
        capture = _capture(images[0])
        capture.SeriesInstanceUID, capture.SOPInstanceUID = uids("capture")
        yield "secondary capture", capture

    def _store(self, pacs: Pacs, each: Sendable) -> StoreAnswer:
        (answer,) = self.peer.store(pacs, [each])
        return answer

    def _fact(
        self, pacs: Pacs, words: str, ds: Dataset, answer: StoreAnswer, came: set[str]
    ) -> Fact:
        what = f"store {words}, tried"
        if not answer.stored:
            return Fact(what, works=False, detail=f"0x{answer.status:04X} {answer.comment}".strip())
        found, fetched = self._finds(pacs, ds), self._gives_back(pacs, ds)
        said = [
            "found by C-FIND" if found else "not found by C-FIND",
            "given back by C-GET" if fetched else "not given back by C-GET",
        ]
        if words != "mammogram":
            is_sent_on = str(ds.SOPInstanceUID) in came
            said.append("sent on to us" if is_sent_on else "not sent on to us")
        return Fact(what, works=found, detail=f"stored, {', '.join(said)}")

    def _finds(self, pacs: Pacs, ds: Dataset) -> bool:
        keys = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        match = {key: str(ds[key].value) for key in keys}
        try:
            rows = self.prober.find(pacs, "IMAGE", match, ("SOPInstanceUID",))
        except (PeerUnavailable, GiveUp):
            return False
        return any(row["SOPInstanceUID"] == match["SOPInstanceUID"] for row in rows)

    def _gives_back(self, pacs: Pacs, ds: Dataset) -> bool:
        uid = str(ds.SOPInstanceUID)
        study, series = str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID)
        asked = Asked(study, series, (uid,), str(ds.PatientID))
        kinds = [(str(ds.SOPClassUID), (syntax,)) for syntax in (_EXPLICIT, _IMPLICIT)]
        with TemporaryDirectory(prefix="tried-") as folder:
            shelf = Folder(Path(folder))
            try:
                self.retriever.get(pacs, asked, shelf.open, kinds=kinds)
            except (PeerUnavailable, GiveUp):
                return False
            return uid in shelf.fetched

    def _sent_on(self, uids: Sequence[str]) -> set[str]:
        """Tell which of them came to our node, waiting for the first and for those after it."""
        pause, until = threading.Event(), time.monotonic() + self.seconds
        while True:
            with self.begin() as uow:
                came = {uid for uid in uids if uow.objects.find(uid) is not None}
            if len(came) == len(uids) or time.monotonic() >= until:
                return came
            pause.wait(_POLL)

    def _removed(self, load_id: int) -> Fact:
        done = withdraw_load(
            load_id,
            begin=self.begin,
            peer=self.peer,
            now=self.now,
            notes=True,
            seen=True,
            tell=False,
        )
        left = ", ".join(done.withdrawal.left)
        detail = f"have {left} removed by hand" if left else "by a rejection note"
        return Fact("what was tried has gone again", not left, detail)


def _save(ds: Dataset, folder: Path) -> Sendable:
    """Write an object as a file; one that is archived keeps its bytes' form."""
    uid, form = str(ds.SOPInstanceUID), _EXPLICIT
    path, meta = folder / f"{uid}.dcm", getattr(ds, "file_meta", None)
    if meta is not None and "PixelData" in ds:
        form = str(meta.TransferSyntaxUID)
        ds.save_as(path)
    else:
        path.write_bytes(write_part10(ds, form))
    return Sendable(path, str(ds.SOPClassUID), uid, form)


def _capture(image: Dataset) -> Dataset:
    """Make a secondary capture of the image's study, eight pixels wide (PS3.3 A.8.1)."""
    ds = Dataset()
    for keyword in (
        "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
        "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
    ):  # fmt: skip
        if keyword in image:
            ds[keyword] = image[keyword]
    ds.SOPClassUID, ds.Modality, ds.ConversionType = _CAPTURE, "OT", "SYN"
    ds.SeriesNumber, ds.InstanceNumber, ds.PatientOrientation = 9001, 1, ""
    ds.Rows = ds.Columns = 8
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = bytes(64)
    ds["PixelData"].VR = "OB"
    return ds
