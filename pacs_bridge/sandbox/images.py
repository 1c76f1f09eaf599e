"""Synthetic case sets: images with known truth, as a folder that `case-set import` takes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import Laterality
from pacs_bridge.sandbox.anatomy import HEIGHT, View, make_anatomies, mirrored
from pacs_bridge.sandbox.case_plan import PlannedCase, plan_cases
from pacs_bridge.sandbox.lesions import SyntheticLesion, in_pixels, make_lesion
from pacs_bridge.sandbox.mammogram import ORDER, FictionalWoman, describe_image, make_uid
from pacs_bridge.sandbox.noise import Textures
from pacs_bridge.sandbox.render import print_word, render_view

SMALL, FULL = (512, 416), (4096, 3328)
"""Rows and columns."""


def make_images(
    directory: Path,
    cases: int = 64,
    full_size: bool = False,
    seed: int = 121,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Make a folder of synthetic mammograms, ``cases.csv`` and ``truth.json`` beside them.

    One case is drawn and written at a time. The same seed gives the same folder.

    Parameters
    ----------
    directory : Path
        Made if absent.
    cases : int
        64 makes practice cases 001-004 and test cases 101-160; fewer make one practice case
        and the rest test.
    progress : callable, optional
        Told after each image how many of how many are done.

    Raises
    ------
    RefusedInput
        When the folder holds cases of another set.
    """
    directory.mkdir(parents=True, exist_ok=True)
    planned = plan_cases(cases, seed)
    _refuse_leftovers(directory, planned)
    rows, columns = FULL if full_size else SMALL
    textures = Textures.make(seed)
    truth = []
    for place, case in enumerate(planned):
        lesions = _lesions(case, seed)
        for view_place, (laterality, view) in enumerate(ORDER):
            woman = FictionalWoman(seed, case.number, len(planned))
            _write_image(directory, case, laterality, view, lesions, textures, woman, rows, columns)
            if progress is not None:
                progress(place * len(ORDER) + view_place + 1, len(planned) * len(ORDER))
        truth.append(_truth_of(case, lesions, woman, rows, columns))
    _write_list(directory / "cases.csv", truth)
    text = json.dumps({"cases": truth}, indent=1)
    (directory / "truth.json").write_text(text, "utf-8")


def _refuse_leftovers(directory: Path, planned: list[PlannedCase]) -> None:
    """Refuse a folder with cases of another set: they would be imported with this one."""
    ours = {_folder_of(case) for case in planned}
    others = [p.name for p in directory.iterdir() if p.is_dir() and p.name not in ours]
    if others:
        raise RefusedInput(f"{directory} holds {sorted(others)[0]} of another set; use a new one.")


def _folder_of(case: PlannedCase) -> str:
    return f"case{case.number:03d}"


def _lesions(case: PlannedCase, seed: int) -> dict[Laterality, SyntheticLesion]:
    rng = np.random.default_rng([seed, case.number, 2])
    anatomies = make_anatomies(np.random.default_rng([seed, case.number, 1]))
    found: dict[Laterality, SyntheticLesion] = {}
    for breast in case.breasts:
        if breast.finding is not None:
            found[breast.laterality] = make_lesion(
                rng,
                anatomies[breast.laterality].forms,
                breast.finding,
                malignant=breast.pathology == "malignant",
            )
    return found


def _write_image(
    directory: Path,
    case: PlannedCase,
    laterality: Laterality,
    view: View,
    lesions: dict[Laterality, SyntheticLesion],
    textures: Textures,
    woman: FictionalWoman,
    rows: int,
    columns: int,
) -> None:
    seed = woman.seed
    anatomy = make_anatomies(np.random.default_rng([seed, case.number, 1]))[laterality]
    rng = np.random.default_rng([seed, case.number, 3, ORDER.index((laterality, view))])
    mine = [lesions[laterality]] if laterality in lesions else []
    pixels = render_view(anatomy, view, mine, textures, rng, rows, columns)
    if case.word and (laterality, view) == ("R", "CC"):
        print_word(pixels, case.word, at_left=mirrored(laterality))
    ds = describe_image(pixels, laterality, view, woman, full_size=(rows, columns) == FULL)
    folder = directory / _folder_of(case)
    folder.mkdir(exist_ok=True)
    ds.save_as(folder / f"{laterality}{view}.dcm", enforce_file_format=True)


def _truth_of(
    case: PlannedCase,
    lesions: dict[Laterality, SyntheticLesion],
    woman: FictionalWoman,
    rows: int,
    columns: int,
) -> dict[str, Any]:
    """Give a case's truth in the form of ``truth.json``, by the UIDs of these files."""
    key = woman.key(full_size=(rows, columns) == FULL)

    def region(laterality: Laterality, view: View, lesion: SyntheticLesion) -> dict[str, Any]:
        points = in_pixels(
            lesion.places[view],
            rows,
            columns,
            millimetres_per_pixel=HEIGHT / rows,
            mirrored=mirrored(laterality),
        )
        return {
            "sop_instance_uid": make_uid(*key, laterality, view),
            "laterality": laterality,
            "view": view,
            "shape": "ELLIPSE",
            "points": [list(point) for point in points],
        }

    return {
        "number": case.number,
        "kind": case.kind,
        "study_instance_uid": make_uid(*key),
        "word": case.word,
        "breasts": [
            {"laterality": b.laterality, "pathology": b.pathology, "panel": b.panel}
            for b in case.breasts
        ],
        "lesions": [
            {
                "lesion_id": f"{case.number}-{side}1",
                "laterality": side,
                "finding": lesion.finding,
                "malignant": lesion.malignant,
                "regions": [region(side, view, lesion) for view in lesion.places],
            }
            for side, lesion in lesions.items()
        ],
    }


def _write_list(path: Path, truth: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["study_instance_uid", "number", "kind", "word"])
        for case in truth:
            writer.writerow(
                [case["study_instance_uid"], case["number"], case["kind"], case["word"] or ""]
            )
