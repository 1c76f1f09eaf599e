"""Bringing an archived image into another transfer syntax without losing a bit of its pixels.

Runs where codecs may run: in a child process with limits. Whoever uses a copy proves it first.

References
----------
PS3.5 section 8.2 and annex A (transfer syntaxes); PS3.5 A.4.1 (JPEG Lossless), A.4.3 (JPEG-LS),
A.4.4 (JPEG 2000), A.4.2 (RLE).
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import iter_pixels
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.sending import (
    FORMS,
    FORMS_WITH_HTJ2K,
    HTJ2K,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    RLE,
)

_PLUGINS = {JPEG_LS: "pyjpegls", JPEG_2000: "pylibjpeg", RLE: "pylibjpeg"}
_ICONS = 0x00880200  # Icon Image Sequence
_OFFSETS = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")


def forms_here() -> tuple[str, ...]:
    """List the transfer syntaxes that images can be brought into with what is installed.

    HTJ2K is among them where `imagecodecs` is: it may be installed beside the product.
    """
    return FORMS_WITH_HTJ2K if find_spec("imagecodecs") else FORMS


def transcode(source: Path, target: Path, syntax: str) -> None:
    """Write a copy of an image in another transfer syntax, and make it safe on disk.

    Everything but the pixel data and the transfer syntax stays as it is, the SOP Instance UID
    included: no pixel changes. Only icons go, which would stay behind in the old syntax, where
    they are no image of any (PS3.3 F.7).

    Parameters
    ----------
    syntax : str
        One of `forms_here`.

    Raises
    ------
    UnreadableObject
        When it has no greyscale pixels that can be decoded, or they do not go into that syntax.
    """
    if syntax not in forms_here():
        raise UnreadableObject("there is no lossless way into this transfer syntax here")
    try:
        ds = dcmread(source)
        _make_native(ds)
        if syntax == JPEG_LOSSLESS:
            _encode_jpeg(ds)
        elif syntax == HTJ2K:
            _encode_htj2k(ds)
        elif syntax in _PLUGINS:
            ds.compress(UID(syntax), encoding_plugin=_PLUGINS[syntax], generate_instance_uid=False)
        else:
            ds.file_meta.TransferSyntaxUID = UID(syntax)
        _write(ds, target, implicit=syntax == ImplicitVRLittleEndian)
    except UnreadableObject:
        raise
    except Exception as error:  # codecs raise anything, and none of it is ours
        raise UnreadableObject("its pixels cannot be brought into another form") from error


def _make_native(ds: Dataset) -> None:
    """Decode in place, frame by frame."""
    if ds.get("SamplesPerPixel") != 1:
        raise UnreadableObject("only greyscale images are brought into other forms")
    _drop_icons(ds)
    pixels = bytearray()
    for frame in iter_pixels(ds, raw=True):
        pixels += frame.astype(frame.dtype.newbyteorder("<"), copy=False).tobytes()
    if len(pixels) % 2:
        pixels += b"\0"
    for keyword in _OFFSETS:
        if keyword in ds:
            delattr(ds, keyword)
    ds["PixelData"] = DataElement(0x7FE00010, "OW", bytes(pixels))
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _drop_icons(ds: Dataset) -> None:
    ds.pop(_ICONS, None)
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                _drop_icons(item)


def _encode_jpeg(ds: Dataset) -> None:
    """Encode as JPEG Lossless, first-order prediction, by the one library here that can."""
    import gdcm

    with TemporaryDirectory() as folder:
        native, coded = Path(folder) / "native.dcm", Path(folder) / "coded.dcm"
        dcmwrite(native, ds)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(native))
        _check(reader.Read())
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        _check(change.Change())
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(coded))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        _check(writer.Write())
        pixels = dcmread(coded)["PixelData"].value
    _put_compressed(ds, pixels, JPEG_LOSSLESS)


def _encode_htj2k(ds: Dataset) -> None:
    """Encode each frame as HTJ2K, reversibly (PS3.5 A.4.4)."""
    codecs: Any = import_module("imagecodecs")
    frames = [codecs.htj2k_encode(frame, reversible=True) for frame in iter_pixels(ds, raw=True)]
    _put_compressed(ds, encapsulate([bytes(frame) for frame in frames]), HTJ2K)


def _put_compressed(ds: Dataset, pixels: bytes, syntax: str) -> None:
    element = DataElement(0x7FE00010, "OB", pixels)
    element.is_undefined_length = True
    ds["PixelData"] = element
    ds.file_meta.TransferSyntaxUID = UID(syntax)


def _check(done: Any) -> None:
    if not done:
        raise UnreadableObject("its pixels do not go into JPEG Lossless")


def _write(ds: Dataset, target: Path, *, implicit: bool) -> None:
    with target.open("wb") as file:
        dcmwrite(file, ds, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
        file.flush()
        os.fsync(file.fileno())
