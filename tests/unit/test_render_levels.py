"""Frames in all their levels: each stored value, part by part, and the look of the picture."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pacs_bridge.archive.levels import Levels, Part
from pacs_bridge.domain.errors import NotFound, RefusedInput, UnsupportedObject
from pacs_bridge.services.render_image import PictureRequest, render_frame
from pacs_bridge.services.render_levels import LevelsRequest, render_levels
from pacs_bridge.wiring.reading import build_levels
from tests.mammograms import a_mammogram, write

NAME = "ab" * 32
PLAIN: dict[str, Any] = {"VOILUTSequence": None, "rows": 64, "columns": 48}


def levels_of(path: Path, folder: Path, **more: Any) -> Levels:
    def make(source: Path, frame: int, target: Path) -> None:
        render_levels(LevelsRequest(source, frame, target))

    return Levels(folder, lambda _: path, make, **more)


def taken(told: bytes) -> tuple[dict[str, int], np.ndarray, np.ndarray]:
    line, rest = told.split(b"\n", 1)
    header = json.loads(line)
    look = np.frombuffer(rest[: header["levels"]], "u1")
    levels = np.frombuffer(rest[header["levels"] :], "<u2")
    return header, look, levels.reshape(header["rows"], header["columns"])


def stored(ds: Any) -> np.ndarray:
    return np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns).astype(int)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"VOILUTFunction": "LINEAR", "WindowCenter": [300], "WindowWidth": [77]},
        {"RescaleSlope": "0.5", "RescaleIntercept": "-100"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    ],
    ids=["sigmoid", "narrow", "half steps", "monochrome1"],
)
def test_no_stored_value_is_lost_and_the_look_is_that_of_the_picture(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    ds = a_mammogram(**(PLAIN | changes))
    path = write(ds, tmp_path / "image.dcm")
    header, look, levels = taken(
        levels_of(path, tmp_path / "levels").of(NAME, 1, Part(0, 0, 48, 64))
    )
    assert (header["columns"], header["rows"], header["by"]) == (48, 64, 0)
    values = stored(ds)
    shown = values > 20  # what is lower is padding
    assert len(np.unique(levels[shown])) == len(np.unique(values[shown]))
    assert (levels[~shown] == 0).all()
    with Image.open(BytesIO(render_frame(PictureRequest(path, 1)))) as picture:
        assert np.abs(look[levels].astype(int) - np.asarray(picture).astype(int)).max() <= 1


def test_a_part_is_cut_where_it_lies_and_halved_it_is_the_mean(tmp_path: Path) -> None:
    ds = a_mammogram(**PLAIN | {"rows": 1501, "columns": 9})
    path = write(ds, tmp_path / "image.dcm")
    levels = levels_of(path, tmp_path / "levels")
    _, _, whole = taken(levels.of(NAME, 1, Part(0, 0, 9, 1501)))
    header, _, part = taken(levels.of(NAME, 1, Part(3, 500, 4, 10)))
    assert (header["x"], header["y"]) == (3, 500)
    assert (part == whole[500:510, 3:7]).all()
    header, _, half = taken(levels.of(NAME, 1, Part(3, 501, 4, 10, 1)))
    assert (header["x"], header["y"], header["columns"], header["rows"]) == (2, 500, 3, 6)
    means = whole[500:512, 2:8].reshape(6, 2, 3, 2).mean(axis=(1, 3))
    assert np.abs(half - means).max() <= 0.5
    assert taken(levels.of(NAME, 1, Part(0, 0, 9, 1501, 9)))[0]["by"] == 2  # halved no further
    for wrong in (Part(9, 0, 5, 5), Part(0, 1501, 5, 5), Part(0, 0, 0, 5)):
        with pytest.raises(RefusedInput):
            levels.of(NAME, 1, wrong)


def test_what_was_not_looked_at_for_longest_goes_first_and_what_cannot_be_shown_leaves_nothing(
    tmp_path: Path,
) -> None:
    path = write(a_mammogram(**PLAIN), tmp_path / "image.dcm")
    folder = tmp_path / "levels"
    levels = levels_of(path, folder, most_bytes=3 * 12_000)
    for number in range(5):
        levels.of(f"{number}" * 64, 1, Part(0, 0, 5, 5))
    kept = sorted(each.name[0] for each in folder.iterdir())
    assert kept[-1] == "4"
    assert "0" not in kept
    burnt = write(a_mammogram(**PLAIN | {"BurnedInAnnotation": "YES"}), tmp_path / "burnt.dcm")
    with pytest.raises(UnsupportedObject):
        levels_of(burnt, folder).of(NAME, 1, Part(0, 0, 5, 5))
    assert {each.suffix for each in folder.iterdir()} == {".levels"}
    for name in ("../" * 8, "x" * 64):
        with pytest.raises(NotFound):
            levels.of(name, 1, Part(0, 0, 5, 5))


def test_levels_are_made_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = write(a_mammogram(**PLAIN), tmp_path / "image.dcm")
    installation = SimpleNamespace(
        config=SimpleNamespace(home=tmp_path), archive=SimpleNamespace(path=lambda _: path)
    )
    levels = build_levels(installation)  # type: ignore[arg-type]  # as much as is asked of it
    header, _, _ = taken(levels.of(NAME, 1, Part(0, 0, 48, 64)))
    assert (header["columns"], header["rows"]) == (48, 64)
    assert [each.suffix for each in (tmp_path / "levels").iterdir()] == [".levels"]
