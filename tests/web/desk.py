"""What a reader's pages call, over a test's scheme; its images are pictures of one mammogram."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from pacs_bridge.services.answers import (
    answer_mark,
    decide_breast,
    declare_normal,
    declare_rest_normal,
    place_mark,
)
from pacs_bridge.services.pictures import find_picture
from pacs_bridge.services.receipts import list_receipts, show_receipt
from pacs_bridge.services.render_image import PictureRequest, render_frame
from pacs_bridge.web.context import ReadingServices
from tests.mammograms import a_mammogram, write
from tests.web.seed import Scheme

ROWS, COLUMNS = 2294, 1914  # of the images of the scheme
SPOT = (900.0, 700.0)
"""Centre of a bright square in the mammogram, where the scheme's marks lie."""
SETTLE = 60.0


@cache
def a_picture() -> bytes:
    """A breast of one grey with the bright square in it, rendered once for all tests."""
    down, across = np.indices((ROWS, COLUMNS))
    inside = ((down - 1100) / 900) ** 2 + (across / 1500) ** 2 < 1
    pixels = np.where(inside, 1200, 0)
    pixels[680:720, 880:920] = 4095
    ds = a_mammogram(
        rows=ROWS, columns=COLUMNS, VOILUTSequence=None, VOILUTFunction="LINEAR",
        WindowCenter=[2048], WindowWidth=[4096],
    )  # fmt: skip
    ds.PixelData = pixels.astype("<u2").tobytes()
    folder = Path(mkdtemp(prefix="picture-"))
    path = write(ds, folder / "mammogram.dcm")
    try:
        return render_frame(PictureRequest(path, 1))
    finally:
        path.unlink()
        folder.rmdir()


def reading_services(scheme: Scheme) -> ReadingServices:
    """Join what a reader's pages call, as wiring does it."""
    begin, now = scheme.begin, scheme.now
    more = {"begin": begin, "now": now, "settle": SETTLE}
    show = partial(show_receipt, begin=begin, now=now)
    return ReadingServices(
        list_receipts=partial(list_receipts, begin=begin, now=now),
        show_receipt=show,
        answer_mark=partial(answer_mark, **more),
        place_mark=partial(place_mark, **more),
        decide_breast=partial(decide_breast, **more),
        declare_normal=partial(declare_normal, **more),
        declare_rest_normal=partial(declare_rest_normal, **more),
        find_picture=partial(find_picture, begin=begin, show=show),
        picture=lambda _name, _frame: a_picture(),
    )
