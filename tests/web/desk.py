"""What a reader's pages call, over a test's scheme; its images are pictures of one mammogram."""

from __future__ import annotations

import atexit
import shutil
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from pacs_bridge.archive.levels import Levels, Part
from pacs_bridge.domain.identifiers import PERFORMS
from pacs_bridge.domain.marks import BreastDecision, Code, Laterality, Mark, ReadObject, Shape
from pacs_bridge.domain.objects import Caller, ReceivedObject
from pacs_bridge.services.answers import (
    answer_mark,
    decide_breast,
    declare_normal,
    declare_rest_normal,
    place_mark,
)
from pacs_bridge.services.folded import reading_uid_of
from pacs_bridge.services.pictures import find_picture
from pacs_bridge.services.receipts import list_receipts, show_receipt
from pacs_bridge.services.render_image import PictureRequest, render_frame
from pacs_bridge.services.render_levels import LevelsRequest, render_levels
from pacs_bridge.services.sheet import link_marks, move_mark, part_mark
from pacs_bridge.sr.geometry import centre_of
from pacs_bridge.web.context import ReadingServices
from tests.mammograms import a_mammogram, write
from tests.web.seed import SET, Scheme

ROWS, COLUMNS = 2294, 1914  # of the images of the scheme
SPOT = (900.0, 700.0)
"""Centre of a bright square in the mammogram, where the scheme's marks lie."""
STRIPES = (1160, 900)
"""First row and column of stripes that are too fine for a picture of the whole image."""
SETTLE = 60.0
GSPS, LITTLE = "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.1.2.1"
VIEWS: tuple[tuple[Laterality, str], ...] = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
LYING: dict[str, tuple[str, ...]] = {
    "2.25.107.1": ("A", "L"), "2.25.107.2": ("A", "R"),
    "2.25.107.3": ("A", "HL"), "2.25.107.4": ("P", "HR"),
}  # fmt: skip
"""How the images of case 107 lie: the left CC hangs as it is stored, the others are mirrored."""
MASS = Code("129788004", "SCT", "Ill-defined mass")


def a_save(
    scheme: Scheme,
    number: int,
    *marks: Mark,
    breasts: tuple[BreastDecision, ...] = (),
    reader: str = "R102",
    uid: str = "1",
) -> None:
    """Have an object of a reader arrive that holds these marks and decisions of a case."""
    accession, key, now = f"{SET}{number:03d}", f"2.25.77.{number}.{uid}", scheme.now()
    caller = Caller("NORTHFIELD", "PACSBRIDGE", "10.20.0.5", "northfield")
    hashes = ("0" * 64, "0" * 64)
    reading_uid = reading_uid_of(accession, reader)
    read = ReadObject(GSPS, key, "presentation-state", marks=marks, breasts=breasts)
    with scheme.begin() as uow:
        uow.objects.add(ReceivedObject(key, GSPS, LITTLE, *hashes, 4_210, caller, accession, now))
        uow.objects.set_read(
            key, kind=read.kind, reader=reader, observed_at=now, reading_uid=reading_uid
        )
        uow.marks.keep(read, accession=accession, reader=reader)
        uow.readings.touch(
            reading_uid=reading_uid, set_name=SET, accession=accession,
            kind=PERFORMS.kind_of(number), reader=reader, pacs="northfield", now=now,
        )  # fmt: skip


def drawn(number: int, place: int, shape: Shape, *points: tuple[float, float], **more: Any) -> Mark:
    """A mark on one of the four images of a case: R CC, L CC, R MLO, L MLO."""
    side, view = VIEWS[place - 1]
    centre = centre_of(shape, points)
    return Mark(
        f"2.25.{number}.{place}", None, shape, points, centre, laterality=side, view=view, **more
    )


@cache
def a_picture() -> bytes:
    """The mammogram as a picture, rendered once for all tests."""
    return render_frame(PictureRequest(_mammogram(), 1))


def a_part(_name: str, _frame: int, part: Part) -> bytes:
    """A part of the mammogram, as the archive would give it."""
    return _levels().of("0" * 64, 1, part)


@cache
def _levels() -> Levels:
    def make(source: Path, frame: int, target: Path) -> None:
        render_levels(LevelsRequest(source, frame, target))

    return Levels(_mammogram().parent / "levels", lambda _: _mammogram(), make)


@cache
def _mammogram() -> Path:
    """A breast of one grey with the bright square in it, and stripes a pixel wide."""
    down, across = np.indices((ROWS, COLUMNS))
    inside = ((down - 1100) / 900) ** 2 + (across / 1500) ** 2 < 1
    pixels = np.where(inside, 1200, 0)
    pixels[680:720, 880:920] = 4095
    top, left = STRIPES
    pixels[top : top + 80, left : left + 80 : 2] = 1000
    pixels[top : top + 80, left + 1 : left + 80 : 2] = 1400
    ds = a_mammogram(
        rows=ROWS, columns=COLUMNS, VOILUTSequence=None, VOILUTFunction="LINEAR",
        WindowCenter=[2048], WindowWidth=[4096],
    )  # fmt: skip
    ds.PixelData = pixels.astype("<u2").tobytes()
    folder = Path(mkdtemp(prefix="picture-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write(ds, folder / "mammogram.dcm")


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
        move_mark=partial(move_mark, **more),
        link_marks=partial(link_marks, **more),
        part_mark=partial(part_mark, **more),
        decide_breast=partial(decide_breast, **more),
        declare_normal=partial(declare_normal, **more),
        declare_rest_normal=partial(declare_rest_normal, **more),
        find_picture=partial(find_picture, begin=begin, show=show),
        picture=lambda _name, _frame: a_picture(),
        part=a_part,
        lying=lambda uid: LYING.get(uid, ()),
    )
