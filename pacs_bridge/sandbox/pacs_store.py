"""What the sandbox PACS keeps: received bytes as files, an index of their headers, a ledger.

The ledger names the objects that still have to go on to the forward destination. Both are
on disk before a store is answered, so neither a killed PACS nor a destination that is down
loses anything. Nothing is synced: the power of a simulated hospital does not fail.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial

from pacs_bridge.archive.part10 import file_head
from pacs_bridge.domain.errors import GiveUp, RefusedInput, UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.sr import elements

INDEXED = (
    "SOPClassUID", "SOPInstanceUID", "StudyDate", "SeriesDate", "ContentDate", "StudyTime",
    "SeriesTime", "ContentTime", "AccessionNumber", "Modality", "ReferringPhysicianName",
    "InstitutionName", "StudyDescription", "SeriesDescription", "PatientName", "PatientID",
    "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "BodyPartExamined", "ViewPosition",
    "StudyInstanceUID", "SeriesInstanceUID", "StudyID", "SeriesNumber", "InstanceNumber",
    "Laterality", "ImageLaterality", "NumberOfFrames", "Rows", "Columns",
)  # fmt: skip
"""Attributes that a query can ask for, by keyword."""

_LAST = max(tag_for_keyword(keyword) or 0 for keyword in INDEXED)

CANNOT_UNDERSTAND, NOT_ITS_CLASS, HAS_IT = 0xC000, 0xA900, 0x0111
"""Refusals of a C-STORE (PS3.4 table B.2-1, PS3.7 annex C)."""


class Duplicates(StrEnum):
    """What a PACS does with an object that it has already."""

    KEEP = "keep"
    OVERWRITE = "overwrite"
    REJECT = "reject"


class Refused(GiveUp):
    """A DIMSE request that the PACS answers with a failure status.

    Parameters
    ----------
    status : int
        The failure.
    comment : str
        Goes out as Error Comment (0000,0902).
    """

    def __init__(self, status: int, comment: str) -> None:
        self.status, self.comment = status, comment
        super().__init__(comment)


@dataclass(frozen=True)
class Entry:
    """One stored object.

    Parameters
    ----------
    attributes : mapping of str to str
        Text by keyword, for every keyword of `INDEXED`; empty where the object has none.
    visible_from : float
        Monotonic seconds from which queries see it.
    """

    path: Path
    transfer_syntax_uid: str
    attributes: Mapping[str, str]
    visible_from: float = 0.0

    def __getitem__(self, keyword: str) -> str:
        return self.attributes[keyword]

    @property
    def sop_class_uid(self) -> str:
        """What kind of object it is."""
        return self.attributes["SOPClassUID"]

    @property
    def sop_instance_uid(self) -> str:
        """Which object it is."""
        return self.attributes["SOPInstanceUID"]


Amend = Callable[[dict[str, str]], dict[str, str]]
"""Changes the attributes under which an object is indexed; its bytes stay."""

Admit = Callable[[dict[str, str]], None]
"""Raises `Refused` for an object that is not wanted, by its attributes as they came."""


Alter = Callable[[Path], None]
"""Changes the file of an object that came in."""


def _admit_all(_: dict[str, str]) -> None:
    """Refuse nothing."""


def _alter_nothing(_: Path) -> None:
    """Keep what came as it came."""


class Store:
    """The objects of a PACS in a folder.

    Parameters
    ----------
    folder : Path
        Made if absent; what an earlier PACS kept there is indexed again.
    amend : callable
        See `Amend`.
    index_seconds : float
        How long a newly stored object stays invisible to queries.
    admit : callable
        See `Admit`.
    duplicates : Duplicates
        What becomes of an object that is here already.
    alter : callable
        See `Alter`.

    Raises
    ------
    RefusedInput
        When a file of an earlier PACS cannot be read.
    OSError
        When the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        amend: Amend = dict,
        index_seconds: float = 0.0,
        *,
        admit: Admit = _admit_all,
        duplicates: Duplicates = Duplicates.KEEP,
        alter: Alter = _alter_nothing,
    ) -> None:
        self._objects, self._ledger = folder / "objects", folder / "forward"
        self._amend, self._index_seconds = amend, index_seconds
        self._admit, self._duplicates, self._alter = admit, duplicates, alter
        self._lock = threading.Lock()
        self._index: dict[str, Entry] = {}
        for each in (self._objects, self._ledger):
            each.mkdir(parents=True, exist_ok=True)
        self._reload()

    def keep(
        self, sop_class: str, sop_instance: str, syntax: str, data: memoryview, *, forward: bool
    ) -> Entry:
        """Keep a received data set as it came, and note whether it has to go on.

        An object that is here already stays as it is, and does not go on again, where the
        store is not told otherwise.

        Raises
        ------
        Refused
            When its identifiers are none, or not those of the request, or it is not wanted.
        """
        part = self._objects / f"{secrets.token_hex(8)}.part"
        try:
            head = file_head(parse_uid(sop_class), parse_uid(sop_instance), syntax)
            with part.open("xb") as file:
                file.write(head)
                file.write(data)
            self._alter(part)
            entry = self._entry(
                part, self._path(sop_instance), sop_class, sop_instance, admit=self._admit
            )
            return self._adopt(part, entry, forward=forward)
        except UnreadableObject as error:
            raise Refused(CANNOT_UNDERSTAND, str(error)) from error
        finally:
            part.unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """List everything that queries see, in the order in which it came."""
        now = time.monotonic()
        with self._lock:
            return [entry for entry in self._index.values() if entry.visible_from <= now]

    def held(self) -> dict[str, Entry]:
        """Give everything that is kept, found or not, by SOP Instance UID."""
        with self._lock:
            return dict(self._index)

    def waiting(self) -> list[Entry]:
        """List what still has to go on, in the order in which it came."""
        names = {path.name for path in self._ledger.iterdir()}
        with self._lock:
            return [entry for entry in self._index.values() if entry.path.stem in names]

    def delivered(self, entry: Entry) -> None:
        """Note that an object went on and was taken."""
        (self._ledger / entry.path.stem).unlink(missing_ok=True)

    def _adopt(self, part: Path, entry: Entry, *, forward: bool) -> Entry:
        with self._lock:
            known = self._index.get(entry.sop_instance_uid)
            if known is not None and self._duplicates is Duplicates.REJECT:
                raise Refused(HAS_IT, "Duplicate SOP instance.")
            if known is not None and self._duplicates is Duplicates.KEEP:
                return known
            if forward:  # first, so that what is stored is never without it
                (self._ledger / entry.path.stem).touch()
            part.replace(entry.path)
            self._index[entry.sop_instance_uid] = entry
            return entry

    def _path(self, sop_instance: str) -> Path:
        return self._objects / f"{hashlib.sha256(sop_instance.encode()).hexdigest()}.dcm"

    def _entry(
        self,
        file: Path,
        path: Path,
        sop_class: str,
        sop_instance: str,
        admit: Admit = _admit_all,
    ) -> Entry:
        header = _header(file)
        attributes = {keyword: elements.text(header, keyword) for keyword in INDEXED}
        said = attributes["SOPClassUID"], attributes["SOPInstanceUID"]
        if said != (sop_class, sop_instance):
            raise Refused(NOT_ITS_CLASS, "The data set is not the object that was announced.")
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
            parse_uid(attributes[keyword])
        admit(attributes)
        syntax = str(header.file_meta.TransferSyntaxUID)
        visible_from = time.monotonic() + self._index_seconds
        return Entry(path, syntax, self._amend(attributes), visible_from)

    def _reload(self) -> None:
        for part in self._objects.glob("*.part"):
            part.unlink()  # never answered
        for path in _by_age(self._objects.glob("*.dcm")):
            try:
                meta = _header(path).file_meta
                sop_class, sop_instance = (
                    str(meta.MediaStorageSOPClassUID),
                    str(meta.MediaStorageSOPInstanceUID),
                )
                entry = self._entry(path, path, sop_class, sop_instance)
            except GiveUp as error:
                raise RefusedInput(
                    f"{path} cannot be read; remove it, or take another store."
                ) from error
            self._index[entry.sop_instance_uid] = replace(entry, visible_from=0.0)


def _header(path: Path) -> Dataset:
    """Read the elements that are indexed, and nothing behind them.

    Raises
    ------
    UnreadableObject
        When pydicom cannot.
    """
    try:
        with path.open("rb") as file:
            return read_partial(file, stop_when=lambda tag, _vr, _length: tag > _LAST)
    except Exception as error:  # whatever a decoder raises on foreign bytes
        raise UnreadableObject("The object is damaged; send it again.") from error


def _by_age(paths: Iterable[Path]) -> Iterator[Path]:
    yield from sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))
