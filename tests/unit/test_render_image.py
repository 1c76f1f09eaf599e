"""Pictures of images: as DCMTK shows them, at the fraction of the picture where they lie."""

from __future__ import annotations

import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.archive.pictures import MOST_WAITING, Pictures
from pacs_bridge.archive.transcode import transcode
from pacs_bridge.domain.errors import Crowded, GiveUp, NotFound, UnsupportedObject
from pacs_bridge.domain.sending import JPEG_2000, JPEG_LOSSLESS, JPEG_LS, RLE
from pacs_bridge.services.render_image import MOST_ROWS, PictureRequest, render_frame
from pacs_bridge.wiring.reading import build_pictures
from tests.mammograms import a_mammogram, a_tomosynthesis, write
from tests.peers import need

PLAIN: dict[str, Any] = {
    "VOILUTSequence": None, "PixelPaddingValue": None, "PixelPaddingRangeLimit": None,
    "VOILUTFunction": "LINEAR", "rows": 64, "columns": 48,
}  # fmt: skip


def grey(path: Path, frame: int = 1) -> np.ndarray:
    """The picture as numbers; it is a PNG of 8 bits without anything else in it."""
    with Image.open(BytesIO(render_frame(PictureRequest(path, frame)))) as picture:
        assert (picture.format, picture.mode, picture.info) == ("PNG", "L", {})
        return np.asarray(picture).astype(int)


def as_dcmtk_shows_it(path: Path, *how: str) -> np.ndarray:
    command = [need("dcm2pnm", "dcmtk"), *how, str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    with Image.open(BytesIO(done.stdout)) as picture:
        return np.asarray(picture.convert("L")).astype(int)


def a_lut(values: list[int], first: int, bits: int) -> Dataset:
    lut = Dataset()
    lut.LUTDescriptor, lut.LUTData = [len(values), first, bits], values
    lut["LUTDescriptor"].VR = lut["LUTData"].VR = "US"
    return lut


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({}, ["+Wi", "1"]),
        ({"WindowCenter": [300], "WindowWidth": [77]}, ["+Wi", "1"]),
        ({"VOILUTFunction": "SIGMOID"}, ["+Wfs", "+Wi", "1"]),
        ({"RescaleSlope": "2", "RescaleIntercept": "-100"}, ["+Wi", "1"]),
        (
            {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
            ["+Wi", "1"],
        ),
        ({"VOILUTSequence": [a_lut([*range(0, 4096, 16)], 40, 12)]}, ["+Wl", "1"]),
        ({"WindowCenter": None, "WindowWidth": None}, ["+Wm"]),
    ],
    ids=["window", "narrow", "sigmoid", "rescaled", "monochrome1", "table", "no-window"],
)
def test_an_image_looks_as_dcmtk_shows_it(
    changes: dict[str, Any], how: list[str], tmp_path: Path
) -> None:
    path = write(a_mammogram(**(PLAIN | changes)), tmp_path / "image.dcm")
    ours, theirs = grey(path), as_dcmtk_shows_it(path, *how)
    assert ours.max() - ours.min() > 100
    assert np.abs(ours - theirs).max() <= 1


def test_signed_values_are_shown_by_their_value(tmp_path: Path) -> None:
    pixels = np.linspace(-800, 800, 64 * 48).reshape(64, 48).astype("<i2")
    ds = a_mammogram(**PLAIN, WindowCenter=[0], WindowWidth=[1601], PixelRepresentation=1)
    ds.PixelData = pixels.tobytes()
    path = write(ds, tmp_path / "image.dcm")
    assert np.abs(grey(path) - as_dcmtk_shows_it(path, "+Wi", "1")).max() <= 1


def test_padding_is_dark_in_an_inverted_image_too(tmp_path: Path) -> None:
    changes = PLAIN | {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 20}
    ds = a_mammogram(**changes, PhotometricInterpretation="MONOCHROME1")
    ds["PixelPaddingValue"].VR = ds["PixelPaddingRangeLimit"].VR = "US"
    stored = np.frombuffer(ds.PixelData, "<u2").reshape(64, 48)
    shown = grey(write(ds, tmp_path / "image.dcm"))
    assert shown[stored <= 20].size > 3
    assert shown[stored <= 20].max() == 0
    assert shown[(stored > 20) & (stored < 200)].min() > 200


@pytest.mark.parametrize("syntax", [JPEG_LOSSLESS, JPEG_LS, JPEG_2000, RLE])
def test_a_compressed_image_looks_like_the_uncompressed_one(syntax: str, tmp_path: Path) -> None:
    path = write(a_mammogram(**PLAIN), tmp_path / "native.dcm")
    transcode(path, tmp_path / "coded.dcm", syntax)
    assert (grey(tmp_path / "coded.dcm") == grey(path)).all()


def test_a_large_image_is_scaled_and_what_is_in_it_stays_at_its_fraction(tmp_path: Path) -> None:
    rows, columns = 3000, 2000
    ds = a_mammogram(**(PLAIN | {"rows": rows, "columns": columns}))
    pixels = np.zeros((rows, columns), "<u2")
    pixels[2100:2110, 500:510] = 4095
    ds.PixelData, ds.WindowCenter, ds.WindowWidth = pixels.tobytes(), [2048], [4096]
    shown = grey(write(ds, tmp_path / "image.dcm"))
    assert shown.shape == (MOST_ROWS, 800)
    y, x = (float(np.average(each + 0.5, weights=shown)) for each in np.indices(shown.shape))
    assert (x / 800 * columns, y / MOST_ROWS * rows) == pytest.approx((505, 2105), abs=0.05)


def test_one_frame_of_a_tomosynthesis_is_shown_with_that_frames_own_window(tmp_path: Path) -> None:
    ds = a_tomosynthesis(frames=3)
    for place, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
        voi = Dataset()
        voi.WindowCenter, voi.WindowWidth = 48 * place + 24, 48
        groups.FrameVOILUTSequence = Sequence([voi])
    for keyword in ("VOILUTSequence", "PixelPaddingValue", "PixelPaddingRangeLimit"):
        if keyword in ds:
            delattr(ds, keyword)
    path = write(ds, tmp_path / "volume.dcm")
    first, last = grey(path, 1), grey(path, 3)
    assert first.shape == (8, 6)
    assert first.min() < 10
    assert first.max() > 245
    assert np.abs(first - last).max() <= 1  # each frame has 48 values of its own
    with pytest.raises(UnsupportedObject, match="no such frame"):
        render_frame(PictureRequest(path, 4))


def test_an_image_with_a_burnt_in_text_is_never_shown(tmp_path: Path) -> None:
    path = write(a_mammogram(**PLAIN, BurnedInAnnotation="YES"), tmp_path / "image.dcm")
    with pytest.raises(UnsupportedObject, match="burnt into"):
        render_frame(PictureRequest(path, 1))


def test_a_broken_image_gives_a_refusal_and_nothing_else(tmp_path: Path) -> None:
    ds = a_mammogram(**PLAIN)
    ds.PixelData = ds.PixelData[:100]
    with pytest.raises(GiveUp):
        render_frame(PictureRequest(write(ds, tmp_path / "short.dcm"), 1))
    (tmp_path / "text.dcm").write_bytes(b"no image at all")
    with pytest.raises(GiveUp):
        render_frame(PictureRequest(tmp_path / "text.dcm", 1))
    colour = a_mammogram(**PLAIN, SamplesPerPixel=3)
    with pytest.raises(UnsupportedObject, match="greyscale"):
        render_frame(PictureRequest(write(colour, tmp_path / "colour.dcm"), 1))


def test_a_picture_is_made_once_and_the_longest_unused_go_first(tmp_path: Path) -> None:
    made: list[tuple[str, int]] = []

    def make(source: Path, frame: int) -> bytes:
        made.append((source.name, frame))
        return b"x" * 100

    names = {letter: letter * 64 for letter in "abcd"}
    for name in names.values():
        (tmp_path / name).write_bytes(b"an image")
    folder = tmp_path / "pictures"
    pictures = Pictures(folder, lambda name: tmp_path / name, make, most_bytes=250)
    assert pictures.of(names["a"], 1) == b"x" * 100
    assert pictures.of(names["a"], 1) == b"x" * 100
    pictures.of(names["a"], 2)
    assert made == [(names["a"], 1), (names["a"], 2)]
    for days, name in ((9, f"{names['a']}-1.png"), (1, f"{names['a']}-2.png")):
        os.utime(folder / name, (1e9 - days, 1e9 - days))
    pictures.of(names["b"], 1)
    assert {file.name[:1] + file.name[-6:] for file in folder.iterdir()} == {"a-2.png", "b-1.png"}
    assert pictures.of(names["a"], 2) == b"x" * 100  # used again: now b is the oldest
    os.utime(folder / f"{names['b']}-1.png", (1e9, 1e9))
    pictures.of(names["c"], 1)
    assert {file.name[:1] + file.name[-6:] for file in folder.iterdir()} == {"a-2.png", "c-1.png"}
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 250
    assert not (folder / f"{names['a']}-1.png").exists()
    assert pictures.of(names["a"], 1) == b"x" * 100


def test_more_pictures_than_one_cases_are_not_waited_for_but_asked_for_again(
    tmp_path: Path,
) -> None:
    (tmp_path / ("a" * 64)).write_bytes(b"an image")
    inside, go_on = threading.Semaphore(0), threading.Event()

    def make(_source: Path, _frame: int) -> bytes:
        inside.release()
        assert go_on.wait(60)
        return b"x"

    pictures = Pictures(tmp_path / "pictures", lambda name: tmp_path / name, make)
    with ThreadPoolExecutor(MOST_WAITING) as pool:
        begun = [pool.submit(pictures.of, "a" * 64, n + 1) for n in range(MOST_WAITING)]
        for _ in begun:
            assert inside.acquire(timeout=60)
        with pytest.raises(Crowded):
            pictures.of("a" * 64, 9)
        go_on.set()
        assert [each.result(60) for each in begun] == [b"x"] * MOST_WAITING
    assert pictures.of("a" * 64, 9) == b"x"


def test_a_picture_is_made_in_a_process_of_its_own_which_no_image_ends(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path / "archive")
    home: Any = SimpleNamespace(config=SimpleNamespace(home=tmp_path / "home"), archive=archive)
    path = write(a_mammogram(**PLAIN), tmp_path / "image.dcm")
    good, bad = archive.put(path.read_bytes()), archive.put(path.read_bytes()[:2000])
    pictures = build_pictures(home)
    with pytest.raises(GiveUp):
        pictures.of(bad, 1)
    assert pictures.of(good, 1) == render_frame(PictureRequest(path, 1))
    assert [file.name for file in (tmp_path / "home" / "pictures").iterdir()] == [f"{good}-1.png"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "", "a" * 63])
def test_no_name_leads_out_of_the_archive(name: str, tmp_path: Path) -> None:
    asked: list[str] = []
    pictures = Pictures(tmp_path, lambda name: tmp_path / str(asked.append(name)), lambda *_: b"")
    with pytest.raises(NotFound):
        pictures.of(name, 1)
    assert asked == []
