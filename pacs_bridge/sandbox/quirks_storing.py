"""Quirks of a PACS that takes objects: refusals, warnings, losses (QUIRKS.md C1)."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread

from pacs_bridge.sandbox.pacs_commitment import Commitment
from pacs_bridge.sandbox.pacs_quirk import (
    CANNOT,
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    Counter,
    Every,
    Kept,
    Quirk,
    Switch,
)
from pacs_bridge.sandbox.pacs_store import Duplicates, Refused

_TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
_PLAIN = _IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_PATIENT_NAME, _PIXEL_PADDING, _VIEW_CODE = 0x00100010, 0x00280120, 0x00540220


class RefuseStore(Quirk):
    """Refuses every Nth object with one status."""

    def __init__(self, status: int, comment: str, every: float) -> None:
        self._status, self._comment, self._is_due = status, comment, Every(every)

    def on_store(self) -> None:
        """Count stores."""
        if self._is_due():
            raise Refused(self._status, self._comment)


class RefuseFirst(Quirk):
    """Refuses the first N objects for want of room."""

    def __init__(self, count: float) -> None:
        self._first, self._stores = int(count), Counter()

    def on_store(self) -> None:
        """Count stores."""
        if self._stores.next() <= self._first:
            raise Refused(OUT_OF_RESOURCES, "Out of resources.")


class Drop(Quirk):
    """Loses every Nth image and says Success."""

    def __init__(self, every: float) -> None:
        self._is_due = Every(every)

    def loses(self) -> bool:
        """Count images."""
        return self._is_due()


class Warns(Quirk):
    """Keeps everything with a warning."""

    def __init__(self, status: int, comment: str, *offending: int) -> None:
        self.kept = Kept(status, comment, offending)


class Accepts(Quirk):
    """Accepts only some transfer syntaxes, or not every kind of object."""

    def __init__(self, syntaxes: tuple[str, ...] = (), without: str = "") -> None:
        self._only, self._without = syntaxes, without

    def syntaxes(self, sop_class: str, offered: list[str]) -> list[str]:
        """Leave out what it does not take."""
        if sop_class == self._without:
            return []
        return [each for each in offered if not self._only or each in self._only]


class Twice(Quirk):
    """Has its own way with an object that comes a second time."""

    def __init__(self, duplicates: Duplicates) -> None:
        self.duplicates = duplicates


class Commits(Quirk):
    """Has its own way with storage commitment."""

    def __init__(self, manner: Commitment) -> None:
        self.commitment = manner


class ShrinksImages(Quirk):
    """Keeps reduced images: every second row and column."""

    def alter(self, file: Path) -> None:
        """Leave alone what is no image, or is compressed."""
        ds = dcmread(file)
        size = (ds.get("NumberOfFrames", 1), ds.get("Rows"), ds.get("Columns"))
        if "PixelData" not in ds or not all(size) or ds.file_meta.TransferSyntaxUID not in _PLAIN:
            return
        frames, rows, columns = map(int, size)
        pixel = int(ds.BitsAllocated) // 8 * int(ds.get("SamplesPerPixel", 1))
        data, line = memoryview(ds.PixelData), columns * pixel
        kept = [
            data[start + column : start + column + pixel]
            for start in range(0, frames * rows * line, 2 * line)
            for column in range(0, line - pixel, 2 * pixel)
        ]
        ds.PixelData = b"".join(kept)
        ds.Rows, ds.Columns = rows // 2, columns // 2
        ds.save_as(file)


SWITCHES = (
    Switch(
        "refuse-first", "Has no room (A700) for the first N objects, then room for all.", "C1",
        RefuseFirst, "N",
    ),
    Switch(
        "out-of-resources", "The same as refuse-first.", "C1", RefuseFirst, "N", "3",
    ),
    Switch(
        "always-full", "Has no room (A700) for any object, ever.", "C1",
        lambda: RefuseStore(OUT_OF_RESOURCES, "Storage is full.", 1),
    ),
    Switch(
        "refuse-store-a900", "Refuses every Nth object with A900.", "C1 (weasis-dicom-tools 4)",
        lambda every: RefuseStore(CANNOT, "Data set does not match SOP class.", every), "N", "1",
    ),
    Switch(
        "cannot-understand-c000", "Refuses every Nth object with C000.", "C1",
        lambda every: RefuseStore(CANNOT_UNDERSTAND, "Cannot understand.", every), "N", "1",
    ),
    Switch(
        "not-authorised", "Refuses every object with 0124.", "C1",
        lambda: RefuseStore(0x0124, "", 1),
    ),
    Switch("drop", "Says Success to every Nth image and loses it.", "C1", Drop, "N"),
    Switch("success-but-lost", "The same as drop.", "C1", Drop, "N", "5"),
    Switch(
        "warn-coercion", "Keeps everything with the warning B000.", "C1, STANDARDS 5.4",
        lambda: Warns(0xB000, "Coerced.", _PATIENT_NAME),
    ),
    Switch(
        "warn-b000", "The same as warn-coercion.", "C1, STANDARDS 5.4",
        lambda: Warns(0xB000, "Coerced.", _PATIENT_NAME),
    ),
    Switch(
        "warn-b006", "Keeps everything with the warning B006: elements discarded.",
        "C1, STANDARDS 5.4", lambda: Warns(0xB006, "Elements discarded.", _PIXEL_PADDING),
    ),
    Switch(
        "warn-b007", "Keeps everything with the warning B007: it does not fit its SOP class.",
        "C1, STANDARDS 5.4", lambda: Warns(0xB007, "", _VIEW_CODE),
    ),
    Switch(
        "refuses-tomosynthesis", "Accepts no breast tomosynthesis.", "C1, STANDARDS 5.9",
        lambda: Accepts(without=_TOMOSYNTHESIS),
    ),
    Switch(
        "accepts-only-implicit", "Accepts Implicit VR Little Endian alone.",
        "C1 (pynetdicom 922)", lambda: Accepts((_IMPLICIT,)),
    ),
    Switch(
        "no-jpeg", "Accepts uncompressed objects alone.", "C1 (pynetdicom 922)",
        lambda: Accepts((_EXPLICIT, _IMPLICIT)),
    ),
    Switch(
        "overwrites-duplicates", "Replaces an object that comes again.",
        "C1 (dcm4chee-arc-light 4518)", lambda: Twice(Duplicates.OVERWRITE),
    ),
    Switch(
        "rejects-duplicates", "Refuses an object that comes again (0111).",
        "C1 (healthcare-dicom-dicomweb-adapter 138)", lambda: Twice(Duplicates.REJECT),
    ),
    Switch(
        "no-commitment", "Offers no storage commitment.", "C2 (ClearCanvas 308)",
        lambda: Commits(Commitment.NOT_OFFERED),
    ),
    Switch(
        "commitment-never", "Takes requests to commit and never reports (else: to --know).", "C2",
        lambda: Commits(Commitment.NEVER),
    ),
    Switch(
        "commitment-partial", "Reports every other object as one that it does not have.", "C2",
        lambda: Commits(Commitment.HALF),
    ),
    Switch(
        "shrinks-images", "Keeps images at half their size.", "STANDARDS 5.3", ShrinksImages,
    ),
)  # fmt: skip
