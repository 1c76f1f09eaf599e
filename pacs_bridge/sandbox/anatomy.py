"""The shape of a compressed breast in the two screening views, in millimetres.

Geometry here is that of a left breast: the chest wall lies at the left edge of the image,
the nipple points right. A right breast is drawn the same way and mirrored at the end
(`mirrored`), as real units store them: chest wall at the right edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pacs_bridge.domain.marks import Laterality
from pacs_bridge.sandbox.noise import Field

View = Literal["CC", "MLO"]

HEIGHT, WIDTH = 286.72, 232.96
"""Field of view in mm: 4096 x 3328 elements of 0.07 mm."""

DEEP = 60.0
"""Distances from the skin are given up to this many mm."""


@dataclass(frozen=True)
class Form:
    """One breast as compressed for one view. All lengths in mm.

    Parameters
    ----------
    depth : float
        From the chest wall to the skin at the nipple.
    nipple : float
        From the top of the image to the nipple.
    above, below : float
        Extent of the breast above and below the nipple. An MLO reaches the top edge.
    axilla : float
        MLO only: depth of tissue at the top edge.
    muscle : (float, float)
        MLO only: how far the pectoral muscle reaches along the top edge, and down the
        chest wall.
    waves : (float, float)
        Phases of the slight unevenness of the skin line.
    """

    view: View
    depth: float
    nipple: float
    above: float
    below: float
    axilla: float = 0.0
    muscle: tuple[float, float] = (0.0, 0.0)
    waves: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Anatomy:
    """What one woman's breast looks like.

    Parameters
    ----------
    density : str
        ``a`` (almost entirely fat) to ``d`` (extremely dense).
    forms : dict of str to Form
        One a view.
    """

    laterality: Laterality
    density: str
    forms: dict[View, Form]


def make_anatomies(rng: np.random.Generator) -> dict[Laterality, Anatomy]:
    """Draw both breasts of one woman: alike in size and density, not the same."""
    depth = rng.uniform(72, 122)
    spread = depth * rng.uniform(0.88, 1.02)
    density = str(rng.choice(list("abcd"), p=(0.14, 0.42, 0.34, 0.10)))
    muscle = rng.uniform(62, 84), rng.uniform(125, 175)
    both: dict[Laterality, Anatomy] = {}
    for side in ("R", "L"):
        size = rng.uniform(0.96, 1.04)
        waves = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
        cc = Form(
            view="CC",
            depth=depth * size,
            nipple=HEIGHT / 2 + rng.uniform(-12, 12),
            above=spread * size * rng.uniform(1.0, 1.1),
            below=spread * size * rng.uniform(0.95, 1.05),
            waves=waves,
        )
        nipple = HEIGHT * rng.uniform(0.52, 0.6)
        mlo = Form(
            view="MLO",
            depth=depth * size * rng.uniform(1.0, 1.08),
            nipple=nipple,
            above=nipple,
            below=min(spread * size * rng.uniform(0.85, 0.95), HEIGHT * 0.97 - nipple),
            axilla=muscle[0] + rng.uniform(2, 12),
            muscle=(muscle[0] * rng.uniform(0.93, 1.07), muscle[1] * rng.uniform(0.93, 1.07)),
            waves=waves,
        )
        both[side] = Anatomy(side, density, {"CC": cc, "MLO": mlo})
    return both


def millimetres(rows: int, columns: int) -> tuple[Field, Field]:
    """Give pixel centres in mm: down (rows x 1), from the chest wall (1 x columns)."""
    down = (np.arange(rows, dtype=np.float32) + 0.5) * np.float32(HEIGHT / rows)
    out = (np.arange(columns, dtype=np.float32) + 0.5) * np.float32(WIDTH / columns)
    return down[:, None], out[None, :]


def skin_depth(form: Form, down: Field) -> Field:
    """How far the breast reaches from the chest wall at each height, in mm; below 0 outside.

    Parameters
    ----------
    down : ndarray
        Distance from the top edge in mm, of any shape.
    """
    offset = down - np.float32(form.nipple)
    upper, lower = np.clip(-offset / form.above, 0, None), np.clip(offset / form.below, 0, None)
    squared = 1 - lower**2.3
    if form.view == "CC":
        squared = np.where(offset < 0, 1 - upper**2.2, squared)
    else:
        # From the nipple up towards the axilla the skin swings in like a flat S.
        swing = (0.5 + 0.5 * np.cos(np.pi * np.clip(upper, 0, 1))) ** 0.85
        reach = (form.axilla + (form.depth - form.axilla) * swing) / form.depth
        squared = np.where(offset < 0, reach**2, squared)
    deep = np.sign(squared) * np.sqrt(np.abs(squared)) * form.depth
    deep *= 1 + 0.012 * np.sin(down / 19 + form.waves[0]) + 0.007 * np.sin(down / 8 + form.waves[1])
    result: Field = deep.astype(np.float32)
    return result


def skin_distance(form: Form, down: Field, out: Field) -> Field:
    """Distance from the skin in mm at each position: positive inside, at most `DEEP`.

    To first order: the level set of the outline over the length of its gradient.
    """
    deep = skin_depth(form, down)
    level = np.sign(deep) * deep**2 / form.depth**2
    slope = np.gradient(level[:, 0], down[:, 0])[:, None]
    gradient = np.sqrt(slope**2 + (2 * out / form.depth**2) ** 2) + 1e-6
    distance = (level - (out / form.depth) ** 2) / gradient
    # The nipple: a small round knob on the outline.
    tip = skin_depth(form, np.array([form.nipple], np.float32))
    distance = np.maximum(distance, 4.6 - np.hypot(down - form.nipple, (out - tip) * 0.75))
    return np.clip(distance, -DEEP, DEEP).astype(np.float32)


def muscle_distance(form: Form, down: Field, out: Field) -> Field:
    """Distance from the edge of the pectoral muscle in mm: positive inside it.

    A CC view shows none: everywhere far outside.
    """
    along, deep = form.muscle
    if along == 0:
        return np.full((down.shape[0], out.shape[1]), -DEEP, dtype=np.float32)
    belly = 0.10 * np.sin(np.pi * np.clip(down / deep, 0, 1))
    level = 1 + belly - out / along - down / deep
    return np.asarray(level / np.hypot(1 / along, 1 / deep), dtype=np.float32)


def mirrored(laterality: Laterality) -> bool:
    """Whether images of this side are mirrored from the geometry here: those of the right."""
    return laterality == "R"
