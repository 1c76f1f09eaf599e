"""Identifiers of queries, to and from bytes: little endian, implicit or explicit VR.

References
----------
PS3.4 C.4.1.1.3 (identifier); PS3.5 annex A.1, A.2.
"""

from __future__ import annotations

from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from pacs_bridge.scu.association import IMPLICIT


def encode(identifier: Dataset, transfer_syntax: str) -> bytes:
    """Encode an identifier of ours."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, transfer_syntax == IMPLICIT
    write_dataset(buffer, identifier)
    return buffer.getvalue()


def decode(identifier: bytes, transfer_syntax: str) -> Dataset | None:
    """Decode an identifier of a peer, its values left as they are; None where it is none."""
    if not identifier:
        return None
    try:
        return read_dataset(
            BytesIO(identifier), is_implicit_VR=transfer_syntax == IMPLICIT, is_little_endian=True
        )
    except Exception:  # noqa: BLE001  whatever a peer's bytes do to the parser
        return None
