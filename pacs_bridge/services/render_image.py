"""One frame of an archived image as a picture for a browser: 8 bits, scaled, as stored.

Runs where decoders may run: in a child process with limits, see `wiring.reading`. Nothing is
turned or flipped, so that a point of the image lies at the same fraction of the picture.

References
----------
PS3.3 C.7.5.1.1.2 (padding), C.7.6.3.1.2 (photometric interpretation), C.11.1 (modality LUT),
C.11.2 (VOI LUT), C.11.6 (presentation LUT); PS3.3 C.7.6.16.2 (multi-frame functional groups).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from pacs_bridge.deid.values import tolerant_reading
from pacs_bridge.domain.errors import UnreadableObject, UnsupportedObject

MOST_ROWS = 1200
"""Height of a picture; smaller images keep their own."""

MOST_PIXELS = 64_000_000
"""Of one frame; four times those of the largest mammography detector."""

_WHITE = 255
_STORED = 1 << 16

Values = np.ndarray[tuple[int, ...], np.dtype[Any]]


@dataclass(frozen=True)
class PictureRequest:
    """What is asked for: a file of the archive, and a frame of it, 1-based."""

    source: Path
    frame: int


def render_frame(asked: PictureRequest) -> bytes:
    """Render one frame as a PNG, with the first look that the image itself describes.

    Raises
    ------
    UnsupportedObject
        When it is no greyscale image, has no such frame, is too large, or says that a text
        is burnt into it, which might name somebody.
    UnreadableObject
        When it cannot be decoded.
    """
    with tolerant_reading():
        try:
            ds = dcmread(asked.source, stop_before_pixels=True)
            check_frame(ds, asked.frame)
            stored = pixel_array(asked.source, index=asked.frame - 1, raw=True)
            grey = grey_table(ds, asked.frame - 1, stored)[unsigned(stored)]
        except (UnsupportedObject, UnreadableObject):
            raise
        except Exception as error:  # decoders and converters raise anything
            raise UnreadableObject("This image cannot be decoded; it is shown nowhere.") from error
    return _write_png(grey)


def check_frame(ds: Dataset, frame: int) -> None:
    """Check that a frame is one that we show."""
    if str(ds.get("BurnedInAnnotation", "")).strip().upper() == "YES":
        raise UnsupportedObject("This image says that a text is burnt into it; it is not shown.")
    if int(ds.get("SamplesPerPixel") or 1) != 1 or int(ds.get("BitsAllocated") or 0) not in (8, 16):
        raise UnsupportedObject("Only greyscale images of up to 16 bits are shown.")
    if not 1 <= frame <= max(1, int(ds.get("NumberOfFrames") or 1)):
        raise UnsupportedObject("The image has no such frame.")
    if not 0 < int(ds.Rows) * int(ds.Columns) <= MOST_PIXELS:
        raise UnsupportedObject("This image is too large to be shown.")


def unsigned(stored: Values) -> Values:
    """Give the stored bits as numbers from 0, the index into a table of all of them."""
    return stored.view(np.uint8 if stored.dtype.itemsize == 1 else np.uint16)


def every_value(stored: Values) -> Values:
    """Give every value that may be stored in the form of these, indexed by its bits."""
    values: Values = np.arange(_STORED)
    if stored.dtype.itemsize == 1:
        values = values.astype(np.uint8).astype(np.int32)
    if stored.dtype.kind == "i":
        values = values.astype(f"i{stored.dtype.itemsize}")
    return values.astype(np.float64)


def grey_table(ds: Dataset, place: int, stored: Values) -> Values:
    """Give the grey of every value that may be stored, indexed by its bits."""
    values = every_value(stored)
    padding = is_padding(ds, values)
    shown = _window(
        modality_values(ds, place, values), ds, place, lambda: _range_of(ds, place, stored, padding)
    )
    if is_inverted(ds):
        shown = 1 - shown
    shown = np.where(padding, 0.0, shown)  # around the breast it is dark, however it is stored
    grey: Values = np.rint(np.clip(shown, 0, 1) * _WHITE).astype(np.uint8)
    return grey


def is_padding(ds: Dataset, values: Values) -> Values:
    """Tell which stored values are none, but fill the image up."""
    value = ds.get("PixelPaddingValue")
    if value is None:
        return np.zeros(values.shape, bool)
    limit = ds.get("PixelPaddingRangeLimit")
    low, high = sorted((int(value), int(value if limit is None else limit)))
    return (values >= low) & (values <= high)


def is_inverted(ds: Dataset) -> bool:
    """Whether higher values are shown darker."""
    shape = str(ds.get("PresentationLUTShape", "")).upper()
    return str(ds.get("PhotometricInterpretation", "")) == "MONOCHROME1" or shape == "INVERSE"


def _range_of(ds: Dataset, place: int, stored: Values, padding: Values) -> tuple[float, float]:
    """Give the lowest and highest value of the frame, for an image that describes no look."""
    used = np.zeros(_STORED, bool)
    used[unsigned(stored)] = True
    bits = np.flatnonzero(used & ~padding)
    if bits.size == 0:
        return 0.0, 1.0
    values = bits.astype(unsigned(stored).dtype).view(stored.dtype).astype(np.float64)
    through = modality_values(ds, place, values)
    return float(through.min()), float(through.max())


def modality_values(ds: Dataset, place: int, values: Values) -> Values:
    """Give what stored values mean, by the modality LUT."""
    item = _group(ds, place, "PixelValueTransformationSequence")
    if tables := item.get("ModalityLUTSequence"):
        return _look_up(tables[0], values)
    slope, intercept = item.get("RescaleSlope"), item.get("RescaleIntercept")
    if slope is None or intercept is None:
        return values
    return values * float(slope) + float(intercept)


def _window(
    values: Values, ds: Dataset, place: int, whole: Callable[[], tuple[float, float]]
) -> Values:
    """Bring values into 0..1 by the first VOI LUT, else the first window, else their range."""
    item = _group(ds, place, "FrameVOILUTSequence")
    if tables := item.get("VOILUTSequence"):
        table = tables[0]
        return _look_up(table, values) / ((1 << int(table.LUTDescriptor[2])) - 1)
    centre, width = _first(item.get("WindowCenter")), _first(item.get("WindowWidth"))
    if centre is None or width is None or width <= 0:
        low, high = whole()
        return (values - low) / max(high - low, 1.0)
    function = str(item.get("VOILUTFunction") or "LINEAR").upper()
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -60, 60)))
    if function == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    if width <= 1:
        return (values > centre - 0.5).astype(np.float64)
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _group(ds: Dataset, place: int, name: str) -> Dataset:
    """Give the item that holds a frame's own values: its own, that of all frames, or the image."""
    frames = ds.get("PerFrameFunctionalGroupsSequence") or []
    shared = ds.get("SharedFunctionalGroupsSequence") or []
    for groups in (*frames[place : place + 1], *shared[:1]):
        if items := groups.get(name):
            return items[0]
    return ds


def _look_up(table: Dataset, values: Values) -> Values:
    count, first, bits = (int(each) for each in table.LUTDescriptor)
    count = count or _STORED
    data = table.LUTData
    if isinstance(data, bytes):
        entries = np.frombuffer(data, "u1" if bits <= 8 and len(data) <= count + 1 else "<u2")
    else:
        entries = np.atleast_1d(np.asarray(data))
    if values.min() < 0 and first >= _STORED // 2:
        first -= _STORED  # written unsigned, meant signed
    places = np.clip(np.rint(values) - first, 0, min(count, entries.size) - 1).astype(np.intp)
    return entries[places].astype(np.float64)


def _first(value: Any) -> float | None:
    """Give the first of one or several numbers; None where there is none."""
    if value is None or value == "":
        return None
    return float(value[0] if hasattr(value, "__getitem__") else value)


def _write_png(grey: Values) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(grey))
    if picture.height > MOST_ROWS:
        columns = max(1, round(picture.width * MOST_ROWS / picture.height))
        # The mean over what falls into each pixel: fine calcifications fade, and do not flicker.
        picture = picture.resize((columns, MOST_ROWS), Image.Resampling.BOX)
    out = BytesIO()
    picture.save(out, "PNG", compress_level=6)
    return out.getvalue()
