"""DICOM files: read with nothing believed, written with nothing carried over.

References
----------
PS3.10 section 7.1, file meta information.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from pacs_bridge.deid.values import tolerant_reading
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.upper_layer.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError)
"""What pydicom's elements raise, when first looked at, where a file is broken inside."""


def read_part10(path: Path, *, pixels: bool = True) -> tuple[Dataset, str]:
    """Read a DICOM file.

    Parameters
    ----------
    pixels : bool
        Whether the pixel data are read too.

    Returns
    -------
    tuple
        The data set and its transfer syntax UID.

    Raises
    ------
    RefusedInput
        When it is none, or cannot be read to its end.
    """
    with tolerant_reading():
        try:
            ds = dcmread(path, stop_before_pixels=not pixels)
            return ds, str(ds.file_meta.TransferSyntaxUID)
        except InvalidDicomError:
            raise RefusedInput("not a DICOM file; take it out of the folder") from None
        except AttributeError:
            raise RefusedInput("it does not say its transfer syntax; export it again") from None
        except Exception as error:  # the parser raises anything; what it cannot read, we refuse
            raise RefusedInput("it cannot be read to its end; copy or export it again") from error


def write_part10(ds: Dataset, transfer_syntax: str) -> bytes:
    """Write a data set as a DICOM file: our own file meta, an empty preamble, nothing else.

    The character set is the narrowest that holds its texts: ISO_IR 100, else ISO_IR 192.
    """
    ds.SpecificCharacterSet = character_set(ds)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    ds.file_meta = meta
    ds.preamble = b"\0" * 128
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def character_set(ds: Dataset) -> str:
    """Give the character set that the texts of a data set need."""
    try:
        for element in ds.iterall():
            if element.VR in ("LO", "SH", "ST", "LT", "UT", "UC", "PN"):
                str(element.value).encode("latin-1")
    except UnicodeEncodeError:
        return "ISO_IR 192"
    return "ISO_IR 100"
