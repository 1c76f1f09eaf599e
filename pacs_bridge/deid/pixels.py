"""Pixel data: passed on byte for byte, and named by the hash of what they decode to.

References
----------
PS3.5 section 8 and Annex A.4 (encapsulation); DESIGN.md 3 and 5.
"""

from __future__ import annotations

import hashlib

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels
from pydicom.uid import UID

from pacs_bridge.deid.values import tolerant_reading
from pacs_bridge.domain.errors import UnreadableObject

_OFFSETS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")


def copy_pixels(source: Dataset, target: Dataset, transfer_syntax: str) -> None:
    """Copy the pixel data into a de-identified data set, as they stand.

    Bytes behind the last pixel of native data are none of the image's and stay behind.

    Raises
    ------
    UnreadableObject
        When there are none, or fewer than the image has pixels.
    """
    pixels = source.get("PixelData")
    if not isinstance(pixels, bytes) or not pixels:
        raise UnreadableObject("it has no pixels; export it again")
    element = source["PixelData"]
    compressed = UID(transfer_syntax).is_encapsulated
    if not compressed:
        wanted = native_length(source)
        if len(pixels) < wanted:
            raise UnreadableObject("its pixel data end too early; copy the file again")
        if len(pixels) > wanted + wanted % 2:
            pixels = pixels[:wanted] + b"\0" * (wanted % 2)
    copied = DataElement(element.tag, "OB" if compressed else element.VR, pixels)
    copied.is_undefined_length = compressed
    target.add(copied)
    for keyword in _OFFSETS:
        if compressed and keyword in source:
            target.add(DataElement(source[keyword].tag, "OV", source[keyword].value))


def native_length(ds: Dataset) -> int:
    """Bytes that uncompressed pixel data of this image have.

    References
    ----------
    PS3.5 section 8.1.1; 4:2:2 sampling does not occur in greyscale images.
    """
    frames = max(1, int(ds.get("NumberOfFrames") or 1))
    samples = frames * int(ds.get("SamplesPerPixel") or 1) * int(ds.get("Rows") or 0)
    return (samples * int(ds.get("Columns") or 0) * int(ds.get("BitsAllocated") or 0) + 7) // 8


def pixel_hash(ds: Dataset) -> str:
    """SHA-256 over the decoded pixels, hexadecimal.

    Parameters
    ----------
    ds : Dataset
        With file meta information that names the transfer syntax. It is decoded frame by
        frame, so that memory stays at one frame.

    Returns
    -------
    str
        Over the samples of all frames in order, little endian, as wide as Bits Allocated.

    Raises
    ------
    UnreadableObject
        When the pixels cannot be decoded, or are fewer frames than the image says.
    """
    digest, frames = hashlib.sha256(), 0
    with tolerant_reading():
        try:
            for frame in iter_pixels(ds, raw=True):
                digest.update(frame.astype(frame.dtype.newbyteorder("<"), copy=False).tobytes())
                frames += 1
        except Exception as error:  # decoders raise anything, and none of it is ours
            raise UnreadableObject("its pixels cannot be decoded; copy the file again") from error
    if frames != max(1, int(ds.get("NumberOfFrames") or 1)):
        raise UnreadableObject("it has fewer frames than it says; export it again")
    return digest.hexdigest()
