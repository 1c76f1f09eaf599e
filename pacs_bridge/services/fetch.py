"""Having a case back from a PACS, to see with our own eyes what it holds.

A query proves that a PACS knows of an image; only the image itself proves that it is intact.

References
----------
PS3.4 C.4.2 (C-MOVE), C.4.3 (C-GET).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import structlog

from pacs_bridge.archive.file_content import read_content
from pacs_bridge.archive.part10 import file_head
from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.caseset import Case, Instance
from pacs_bridge.domain.errors import NotFound, PacsBridgeError, RefusedInput
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Archive
from pacs_bridge.domain.retrieving import (
    LIMITS,
    Arriving,
    Asked,
    Kind,
    Limits,
    Retrieved,
    Retriever,
    never,
)

LOG = structlog.get_logger()

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
_STORED, _NOT_STORED = 0x0000, 0xA700


class State(StrEnum):
    """How an image that came back compares with the one that was sent."""

    IDENTICAL = "identical"  # byte for byte
    SAME = "same"  # other coding, same content
    CHANGED = "changed"
    ABSENT = "absent"


@dataclass(frozen=True)
class Fetched:
    """An object that was fetched, as a file of its own."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True)
class FetchedCase:
    """What came back of a case.

    Parameters
    ----------
    states : dict of str to State
        By SOP Instance UID, for every image of the case.
    others : int
        Further objects that came: readers' marks, for example.
    """

    accession: str
    states: dict[str, State]
    retrieved: tuple[Retrieved, ...]
    others: int = 0

    @property
    def is_intact(self) -> bool:
        """Whether every image is there with the content that was sent."""
        return all(state in (State.IDENTICAL, State.SAME) for state in self.states.values())


class Folder:
    """Keeps what arrives as DICOM files, each under its SOP Instance UID."""

    def __init__(self, folder: Path) -> None:
        self.fetched: dict[str, Fetched] = {}
        self._folder = folder

    def open(self, arriving: Arriving) -> _File:
        """Begin a file; it has its name only once it is whole."""
        return _File(self._folder, arriving, self._keep)

    def _keep(self, path: Path, arriving: Arriving) -> None:
        self.fetched[arriving.sop_instance_uid] = Fetched(
            path, arriving.sop_class_uid, arriving.sop_instance_uid, arriving.transfer_syntax_uid
        )


class _File:
    """One object on its way to a file; a disk that fails is answered, not raised."""

    def __init__(
        self, folder: Path, arriving: Arriving, keep: Callable[[Path, Arriving], None]
    ) -> None:
        self._arriving, self._keep = arriving, keep
        self._path = folder / f"{arriving.sop_instance_uid}.dcm"
        self._part = self._path.with_suffix(".part")
        self._file: BinaryIO | None = None
        head = file_head(
            arriving.sop_class_uid, arriving.sop_instance_uid, arriving.transfer_syntax_uid
        )
        try:
            self._file = self._part.open("wb")
            self._file.write(head)
        except OSError:
            self._fail()

    def write(self, data: memoryview) -> None:
        """Write the next bytes."""
        if self._file is not None:
            try:
                self._file.write(data)
            except OSError:
                self._fail()

    def finish(self) -> int:
        """Close the file and give it its name."""
        if self._file is None:
            return _NOT_STORED
        try:
            self._file.close()
            self._part.replace(self._path)
        except OSError:
            self._fail()
            return _NOT_STORED
        self._keep(self._path, self._arriving)
        return _STORED

    def abort(self) -> None:
        """Remove what is there of it."""
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
            self._part.unlink(missing_ok=True)
        except OSError:
            pass  # a disk that fails keeps what it has

    def _fail(self) -> None:
        LOG.warning("fetched object not kept")
        self.abort()


def fetch(
    pacs: Pacs,
    asked: Asked,
    folder: Path,
    *,
    peer: Retriever,
    kinds: Sequence[Kind],
    limits: Limits = LIMITS,
    cancelled: Callable[[], bool] = never,
) -> tuple[Retrieved, tuple[Fetched, ...]]:
    """Fetch objects into a folder by C-GET.

    Parameters
    ----------
    folder : Path
        Exists; files of objects that come again are replaced.

    Raises
    ------
    PeerUnavailable
        Naming the phase; what was kept before lies in the folder.
    """
    shelf = Folder(folder)
    retrieved = peer.get(pacs, asked, shelf.open, kinds=kinds, limits=limits, cancelled=cancelled)
    return retrieved, tuple(shelf.fetched.values())


def fetch_case(
    pacs_name: str, accession: str, folder: Path, *, read: Begin, peer: Retriever, archive: Archive
) -> FetchedCase:
    """Fetch every study of a case by C-GET, and compare each image with the one that was sent.

    Parameters
    ----------
    folder : Path
        Made where it is absent.

    Raises
    ------
    NotFound
        When there is no such PACS or case.
    RefusedInput
        When the folder cannot be used.
    PeerUnavailable
        When the PACS cannot be asked, naming the phase.
    """
    with read() as uow:
        pacs = uow.pacs.get(pacs_name)
    case = find_case(accession, read=read)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise RefusedInput(f"{folder.name} cannot be made; name another folder.") from None
    results: list[Retrieved] = []
    fetched: dict[str, Fetched] = {}
    for study in case.studies:
        asked = Asked(study.study_instance_uid, patient_id=case.patient_id)
        kinds = kinds_of(tuple(study.instances()))
        retrieved, files = fetch(pacs, asked, folder, peer=peer, kinds=kinds)
        results.append(retrieved)
        fetched |= {each.sop_instance_uid: each for each in files}
    images = {image.sop_instance_uid: image for image in case.instances()}
    states = {uid: _compare(fetched.get(uid), image, archive) for uid, image in images.items()}
    return FetchedCase(accession, states, tuple(results), len(fetched.keys() - images.keys()))


def move_case(
    pacs_name: str, accession: str, *, read: Begin, peer: Retriever
) -> tuple[Retrieved, ...]:
    """Have a PACS send every study of a case to our node (C-MOVE).

    Raises
    ------
    NotFound
        When there is no such PACS or case.
    PeerUnavailable
        When the PACS cannot be asked, naming the phase.
    """
    with read() as uow:
        pacs = uow.pacs.get(pacs_name)
    case = find_case(accession, read=read)
    return tuple(
        peer.move(pacs, Asked(study.study_instance_uid, patient_id=case.patient_id))
        for study in case.studies
    )


def find_case(accession: str, *, read: Begin) -> Case:
    """Look a case up in the passport of its set, also one of a copy.

    Raises
    ------
    NotFound
        When there is none.
    """
    with read() as uow:
        known = uow.case_sets.case(accession)
        copy = CaseName.parse(accession).copy if known else 0
        passport = uow.case_sets.find(known.set_name, copy) if known else None
    for case in passport.cases if passport else ():
        if case.accession == accession:
            return case
    raise NotFound(f"There is no case {accession}; `case-set show` lists those of a set.")


def kinds_of(images: Sequence[Instance]) -> list[Kind]:
    """Offer each SOP class as it was sent, and uncompressed beside that."""
    pairs = dict.fromkeys((each.sop_class_uid, each.transfer_syntax_uid) for each in images)
    for sop_class in dict.fromkeys(each.sop_class_uid for each in images):
        pairs |= dict.fromkeys(((sop_class, EXPLICIT), (sop_class, IMPLICIT)))
    return [(sop_class, (syntax,)) for sop_class, syntax in pairs]


def _compare(fetched: Fetched | None, image: Instance, archive: Archive) -> State:
    if fetched is None:
        return State.ABSENT
    ours = archive.path(image.content_hash)
    if _data_set(fetched.path) == _data_set(ours):
        return State.IDENTICAL
    try:
        is_same = read_content(fetched.path).same_content == read_content(ours).same_content
    except PacsBridgeError:  # nothing of ours would be unreadable
        return State.CHANGED
    return State.SAME if is_same else State.CHANGED


_PREFIX, _GROUP_LENGTH = 132, 12


def _data_set(path: Path) -> tuple[int, str]:
    """Give length and SHA-256 of what stands behind the file's meta information."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        head = file.read(_PREFIX + _GROUP_LENGTH)
        file.seek(len(head) + int.from_bytes(head[-4:], "little"))
        while part := file.read(1 << 20):
            digest.update(part)
            size += len(part)
    return size, digest.hexdigest()
