"""Draws the healthy breast: fat, gland, strands, vessels, skin and muscle."""

from __future__ import annotations

import numpy as np

from pacs_bridge.sandbox.anatomy import (
    Form,
    millimetres,
    muscle_distance,
    skin_distance,
)
from pacs_bridge.sandbox.noise import Field, Textures, sample

FAT, GLAND, MUSCLE = 0.25, 0.31, 0.58
"""Brightness from 0 (air) to 1: of fat, what gland adds to it, and of the pectoral muscle."""

_AMOUNT = {"a": -1.9, "b": -1.2, "c": -0.5, "d": 0.4}


def smooth(value: Field, low: float, high: float) -> Field:
    """Rise from 0 at `low` to 1 at `high` without a corner."""
    x = np.clip((value - low) / (high - low), 0, 1)
    result: Field = x * x * (3 - 2 * x)
    return result


def draw_tissue(
    form: Form, density: str, textures: Textures, rng: np.random.Generator, rows: int, columns: int
) -> tuple[Field, Field]:
    """Draw one view of a healthy breast, chest wall at the left edge.

    Parameters
    ----------
    rows, columns : int
        Of the grid to draw on; it always covers the whole field of view.

    Returns
    -------
    brightness, distance : ndarray
        Brightness of the tissue from 0 to 1 as if it had no edge, and the distance from the
        skin in mm (positive inside).
    """
    down, out = millimetres(rows, columns)
    distance = skin_distance(form, down, out)
    muscle = muscle_distance(form, down, out)
    gland = _gland(form, density, textures, rng, down, out, distance, muscle)
    strands = _strands(form, textures, rng, down, out)
    fine = textures.fibre(rng, rows, columns)

    tissue = FAT + 0.022 * textures.cloud(rng, rows, columns) + 0.012 * fine
    tissue += gland * (GLAND + 0.075 * fine)
    tissue += strands * (0.05 + 0.075 * gland) * smooth(distance, 2, 14)
    tissue += _vessels(form, rng, down, out) * (1 - 0.7 * gland) * smooth(distance, 1, 8)
    if form.view == "MLO":
        streaks = 0.03 * textures.fibre(rng, rows, columns) + 0.02 * strands
        inside = smooth(muscle, -1.5, 2.5)
        tissue += inside * (MUSCLE + 0.05 * smooth(muscle, 0, 40) + streaks - tissue)
    return tissue.astype(np.float32), distance


def _gland(
    form: Form,
    density: str,
    textures: Textures,
    rng: np.random.Generator,
    down: Field,
    out: Field,
    distance: Field,
    muscle: Field,
) -> Field:
    """How much of each pixel is fibroglandular tissue, 0 to 1."""
    rows, columns = down.shape[0], out.shape[1]
    # A cone behind the nipple, leaning to the upper outer part, thinning at the chest wall.
    lean = -0.16 * (form.depth - out)
    across = (down - form.nipple - lean) / (0.55 * (form.above + form.below) / 2)
    along = (out - 0.56 * form.depth) / (0.46 * form.depth)
    envelope = 1.5 * np.exp(-0.5 * (across**2 + along**2) ** 1.2) - 0.75
    clouds = 0.85 * textures.cloud(rng, rows, columns) + 0.22 * textures.fibre(rng, rows, columns)
    amount = envelope * 1.7 + clouds * 1.25 + _AMOUNT[density]
    gland = 1 / (1 + np.exp(-2.6 * amount))
    gland *= smooth(distance, 5, 16)  # subcutaneous fat
    gland *= 1 - smooth(muscle, -14, -2)  # retromammary fat
    return np.asarray(gland, dtype=np.float32)


def _strands(
    form: Form, textures: Textures, rng: np.random.Generator, down: Field, out: Field
) -> Field:
    """Ducts and ligaments as thin bright ridges that fan out from the nipple, 0 to 1."""
    radius = np.hypot(down - form.nipple, out - form.depth)
    angle = np.arctan2(down - form.nipple, form.depth + 8 - out)
    offset = rng.uniform(0, 1024, 4)
    ridges = np.zeros(radius.shape, dtype=np.float32)
    for scale, stretch, start in ((110.0, 0.55, 0), (210.0, 0.9, 2)):
        tile = textures.fibres[start // 2]
        noise = sample(tile, angle * scale + offset[start], radius * stretch + offset[start + 1])
        ridges += np.clip(1 - np.abs(noise) * 2.6, 0, 1) ** 2
    return ridges * np.float32(0.6)


def _vessels(form: Form, rng: np.random.Generator, down: Field, out: Field) -> Field:
    """A few winding vessels from the chest wall towards the nipple, brightness to add."""
    picture = np.zeros((down.shape[0], out.shape[1]), dtype=np.float32)
    for _ in range(int(rng.integers(3, 7))):
        start = form.nipple + rng.uniform(-0.75, 0.75) * (
            form.above if rng.random() < 0.5 else form.below
        )
        bend, phase = rng.uniform(3, 9), rng.uniform(0, 6.28)
        # The course: height as a function of the distance from the chest wall.
        share = out / form.depth
        course = start + (form.nipple - start) * share**2
        course = course + bend * np.sin(share * rng.uniform(4, 9) + phase)
        steepness = np.gradient(course[0], out[0])
        width = rng.uniform(0.6, 1.2) * np.sqrt(1 + steepness**2)
        fade = np.clip(1.1 - share / rng.uniform(0.55, 0.95), 0, 1)
        height = rng.uniform(0.06, 0.13) * fade
        picture += (height * np.exp(-0.5 * ((down - course) / width) ** 2)).astype(np.float32)
    return picture
