"""A viewer of a hospital: finds a case in the PACS, fetches it, saves what a reader drew.

One association for finding and fetching, one for saving, kept for the whole session as
viewers do. Isolation is private: a reader is shown their own states and reports only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO
from types import TracebackType
from typing import Any

import pydicom
from pydicom import Dataset
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext

from pacs_bridge.domain.errors import NotFound, PeerUnavailable, RefusedInput
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.sandbox.association import settle_library
from pacs_bridge.sandbox.viewer_association import call
from pacs_bridge.sandbox.viewer_hanging import TOMOSYNTHESIS, Hanging, hang
from pacs_bridge.sandbox.viewer_listener import Listener
from pacs_bridge.sr import elements, sop_classes
from pacs_bridge.sr.observers import observer_of
from pacs_bridge.sr.read import read_object

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"

MAMMOGRAMS = (
    "1.2.840.10008.5.1.4.1.1.1.2",
    "1.2.840.10008.5.1.4.1.1.1.2.1",
    TOMOSYNTHESIS,
    "1.2.840.10008.5.1.4.1.1.7",
)
SAVED = (sop_classes.GRAYSCALE_STATE, sop_classes.COMPREHENSIVE)
_PLAIN = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_COMPRESSED = [
    JPEGLosslessSV1, JPEGLossless, JPEG2000Lossless, JPEG2000, JPEGLSLossless, RLELossless,
    JPEGBaseline8Bit, DeflatedExplicitVRLittleEndian,
]  # fmt: skip
_MINE = (
    *SAVED,
    "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.88.22",
    "1.2.840.10008.5.1.4.1.1.88.34",
    sop_classes.KEY_OBJECT,
)
_STORED = (0x0000, 0xB000, 0xB006, 0xB007)


@dataclass(frozen=True)
class OpenCase:
    """A case as the viewer shows it to one reader.

    Parameters
    ----------
    images : tuple of Dataset
        Whole images, pixels included.
    states : tuple of ReadObject
        What this reader saved of the case before; other people's are not shown.
    """

    accession: str
    study_uid: str
    images: tuple[Dataset, ...]
    states: tuple[ReadObject, ...] = ()

    def hang(self) -> Hanging:
        """Put the images in their places."""
        return hang(self.images)


@dataclass
class Viewer:
    """One workstation at one PACS, with one reader signed in; a context manager.

    Parameters
    ----------
    login : str
        The reader signed in.
    retrieve : {"get", "move"}
        C-GET where the PACS takes it, else C-MOVE to the viewer's own listener, for which
        the PACS must know the viewer's AE title and `listen_port`.

    Raises
    ------
    PeerUnavailable
        When the PACS cannot be reached or breaks off.
    """

    login: str
    ae_title: str
    pacs_ae_title: str
    host: str
    port: int
    retrieve: str = "get"
    listen_port: int = 0
    _asking: Any = field(default=None, init=False, repr=False)
    _saving: Any = field(default=None, init=False, repr=False)
    _arrived: list[Dataset] = field(default_factory=list, init=False, repr=False)
    _listener: Listener | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Viewer:
        settle_library()
        elements.tolerate_odd_values()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for association in (self._asking, self._saving):
            if association is not None and not association.is_lost:
                association.release()
        if self._listener is not None:
            self._listener.stop()

    # Finding and fetching

    def open_case(self, accession: str) -> OpenCase:
        """Find a case by its accession number and fetch all of it.

        Raises
        ------
        NotFound
            When the PACS has no such case, or more than one study under that number.
        """
        studies = self._find_studies(accession)
        if len(studies) != 1:
            how_many = "more than one study" if studies else "no study"
            raise NotFound(f"The PACS has {how_many} {accession}; load the case first.")
        [study_uid] = studies
        self._arrived.clear()
        if self.retrieve == "get":
            self._get(study_uid)
        else:
            self._move(study_uid)
        arrived, self._arrived = self._arrived, []
        images = [ds for ds in arrived if "Rows" in ds]
        images.sort(key=lambda ds: (_number(ds, "SeriesNumber"), _number(ds, "InstanceNumber")))
        saved = [ds for ds in arrived if "Rows" not in ds]
        return OpenCase(
            accession,
            study_uid,
            tuple(images),
            tuple(read_object(ds) for ds in saved if self._is_mine(ds)),
        )

    def _is_mine(self, saved: Dataset) -> bool:
        who = observer_of(saved)
        return self.login in (who.login, who.id, who.name)

    def _find_studies(self, accession: str) -> list[str]:
        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        query.AccessionNumber = accession
        query.StudyInstanceUID = ""
        found: dict[str, None] = {}
        for status, row in self._ask_association().send_c_find(query, STUDY_ROOT_FIND):
            code = self._checked(status, "find", pending=True)
            answered = code in (0xFF00, 0xFF01) and row is not None
            # A PACS may match more loosely than asked: only the exact number counts.
            if answered and elements.text(row, "AccessionNumber") == accession:
                found[elements.uid(row, "StudyInstanceUID")] = None
        return [uid for uid in found if uid]

    def _get(self, study_uid: str) -> None:
        association = self._ask_association()
        offered = {str(each.abstract_syntax) for each in association.accepted_contexts}
        if STUDY_ROOT_GET not in offered:
            self.retrieve = "move"
            self._move(study_uid)
            return
        for status, _ in association.send_c_get(_study(study_uid), STUDY_ROOT_GET):
            self._checked(status, "fetch", pending=True)

    def _move(self, study_uid: str) -> None:
        if self._listener is None:
            self._listener = Listener(
                self.ae_title, self.listen_port, _storage_contexts(), self._arrived_bytes
            )
        answers = self._ask_association().send_c_move(
            _study(study_uid), self.ae_title, STUDY_ROOT_MOVE
        )
        for status, _ in answers:
            code = self._checked(status, "fetch", pending=True)
            if code == 0x0000 and not self._arrived:
                raise PeerUnavailable("the PACS", "answer", "it says it moved images and sent none")

    def _arrived_bytes(self, data: bytes, transfer_syntax: str) -> None:
        self._arrived.append(_data_set(data, transfer_syntax))

    # Saving

    def store(self, objects: Iterable[Dataset]) -> int:
        """Save objects to the PACS; gives how many it took.

        Raises
        ------
        RefusedInput
            When the PACS refuses one, with its status.
        """
        taken = 0
        for ds in objects:
            status = self._save_association().send_c_store(ds)
            if "Status" not in status:
                raise PeerUnavailable("the PACS", "answer", "it broke off while saving")
            if status.Status not in _STORED:
                raise RefusedInput(
                    f"The PACS refused to save marks (0x{status.Status:04X}); see its log."
                )
            taken += 1
        return taken

    # Associations

    def _ask_association(self) -> Any:
        if self._asking is None or self._asking.is_lost:
            self._asking = self._call(
                _asking_contexts(), provided=(*MAMMOGRAMS, *_MINE), arrived=self._arrived_bytes
            )
        return self._asking

    def _save_association(self) -> Any:
        if self._saving is None or self._saving.is_lost:
            self._saving = self._call([build_context(uid, _PLAIN) for uid in SAVED])
        return self._saving

    def _call(self, contexts: list[PresentationContext], **more: Any) -> Any:
        return call(self.ae_title, self.pacs_ae_title, self.host, self.port, contexts, **more)

    def _checked(self, status: Dataset, what: str, *, pending: bool = False) -> int:
        """Tell a broken conversation or a refusal from an answer."""
        if "Status" not in status:
            raise PeerUnavailable("the PACS", "answer", f"it broke off during a {what}")
        code = int(status.Status)
        if code in (0x0000, 0xB000) or (pending and code in (0xFF00, 0xFF01)):
            return code
        raise PeerUnavailable("the PACS", "answer", f"it refused a {what} with 0x{code:04X}")


def _asking_contexts() -> list[PresentationContext]:
    """Find, fetch and the storage contexts that a C-GET fills."""
    asking = (STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE)
    return [build_context(uid, _PLAIN) for uid in asking] + _storage_contexts()


def _storage_contexts() -> list[PresentationContext]:
    """What a viewer takes: images as they lie in the PACS, states and reports plainly coded."""
    contexts = []
    for uid in MAMMOGRAMS:
        contexts.append(build_context(uid, _PLAIN))
        contexts += [build_context(uid, syntax) for syntax in _COMPRESSED]
    return contexts + [build_context(uid, _PLAIN) for uid in _MINE]


def _study(study_uid: str) -> Dataset:
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.StudyInstanceUID = study_uid
    return query


def _data_set(data: bytes, transfer_syntax: str) -> Dataset:
    """A received data set, with the file meta that it needs to be decoded."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = transfer_syntax
    buffer = BytesIO()
    buffer.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(buffer, meta, enforce_standard=False)
    buffer.write(data)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


def _number(ds: Dataset, keyword: str) -> int:
    return next(iter(elements.integers(ds, keyword)), 0)
