"""Whether a report of the standard says what the reading says that named it.

References
----------
PS3.16 TID 1500, 1410; PS3.3 C.17.2 (completion flag), C.18.6 (spatial coordinates).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.reading import name_in_report
from pacs_bridge.scoring.contract import Reading

if TYPE_CHECKING:
    from pydicom import Dataset

COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
_DEEPEST = 16


def check_report(raw: bytes, reading: Reading) -> str:
    """See that a report is the one that a reading names, and says the same.

    Returns
    -------
    str
        The SHA-256 of its bytes.

    Raises
    ------
    RefusedInput
        When the reading does not name these bytes, or what they say is not of this reading:
        another reading, another document, or another number of marks.
    """
    digest = hashlib.sha256(raw).hexdigest()
    named = next((each for each in reading.reports if each.sha256 == digest), None)
    if named is None:
        raise RefusedInput("The reading does not name this report; send the one that it names.")
    if sum(each.marks for each in reading.reports) != len(reading.marks):
        raise RefusedInput("The reports named hold not as many marks as the reading; write anew.")
    document = _read(raw)
    about = str(document.get("CompletionFlagDescription", ""))
    if (
        document.get("SOPClassUID") != COMPREHENSIVE_SR
        or document.get("SOPInstanceUID") != named.sop_instance_uid
        or about != name_in_report(reading.reading, reading.revision)
    ):
        raise RefusedInput("The report is of another reading or revision; send this one's.")
    images = {mark.image for mark in reading.marks}
    drawn = list(_drawn(document))
    if len(drawn) != named.marks or not images.issuperset(drawn):
        raise RefusedInput(
            f"The report holds {len(drawn)} marks and the reading says {named.marks} of it, or "
            "they lie on other images; write the report anew."
        )
    return digest


def _read(raw: bytes) -> Dataset:
    from pydicom import dcmread

    try:
        document = dcmread(BytesIO(raw))
        list(document.iterall())  # whatever cannot be decoded shows now
    except Exception:  # noqa: BLE001  whatever a reader of DICOM may raise of bytes
        raise RefusedInput("The report is no DICOM file that can be read; write it anew.") from None
    return document


def _drawn(item: Dataset, depth: int = 0) -> Iterator[str]:
    """Images on which regions are drawn, one a region."""
    for each in item.get("ContentSequence") or ():
        if each.get("ValueType") == "SCOORD":
            for image in each.get("ContentSequence") or ():
                for reference in image.get("ReferencedSOPSequence") or ():
                    yield str(reference.get("ReferencedSOPInstanceUID", ""))
        elif depth < _DEEPEST:
            yield from _drawn(each, depth + 1)
