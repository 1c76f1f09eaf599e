"""What may be wrong in a synthetic breast: masses, calcification clusters, distortions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pacs_bridge.domain.marks import Point
from pacs_bridge.sandbox.anatomy import (
    Form,
    View,
    millimetres,
    muscle_distance,
    skin_distance,
)
from pacs_bridge.sandbox.noise import Field

Finding = Literal["mass", "calcification", "distortion"]

SKIN_MARGIN, MUSCLE_MARGIN, CHEST_MARGIN = 14.0, 6.0, 12.0
"""How far inside the breast a lesion's centre lies, in mm."""


@dataclass(frozen=True)
class Ellipse:
    """Where a lesion lies in one view: millimetres from the top and from the chest wall.

    Parameters
    ----------
    down, out : float
        The centre.
    major, minor : float
        Semi-axes.
    angle : float
        Of the major axis, from "out" towards "down", in radians.
    """

    down: float
    out: float
    major: float
    minor: float
    angle: float

    def ends(self) -> tuple[tuple[float, float], ...]:
        """Ends of the major, then of the minor axis, as (down, out) in mm."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return tuple(
            (self.down + length * along_down, self.out + length * along_out)
            for length, along_down, along_out in (
                (self.major, sin, cos),
                (-self.major, sin, cos),
                (self.minor, cos, -sin),
                (-self.minor, cos, -sin),
            )
        )

    def radius(self, down: Field, out: Field) -> tuple[Field, Field]:
        """Distance from the centre in units of the ellipse (1 on its edge), and the angle."""
        y, x = down - self.down, out - self.out
        along = (x * np.cos(self.angle) + y * np.sin(self.angle)) / self.major
        across = (y * np.cos(self.angle) - x * np.sin(self.angle)) / self.minor
        return np.hypot(along, across), np.arctan2(across, along)


@dataclass(frozen=True)
class SyntheticLesion:
    """One lesion: what it is, and its ellipse on each view of its breast."""

    finding: Finding
    malignant: bool
    contrast: float
    places: dict[View, Ellipse]
    seed: int


def make_lesion(
    rng: np.random.Generator, forms: dict[View, Form], finding: Finding, *, malignant: bool
) -> SyntheticLesion:
    """Put a lesion into a breast, at the same depth and height in both views."""
    size = {"mass": (5.0, 11.0), "calcification": (5.0, 9.0), "distortion": (9.0, 15.0)}[finding]
    major = float(rng.uniform(*size))
    minor = major * float(rng.uniform(0.65, 0.95))
    depth, height = float(rng.uniform(0.3, 0.8)), float(rng.uniform(-0.7, 0.7))
    places = {view: _place(rng, form, depth, height, major, minor) for view, form in forms.items()}
    contrast = float(rng.uniform(0.65, 1.25))
    return SyntheticLesion(finding, malignant, contrast, places, int(rng.integers(2**31)))


def _place(
    rng: np.random.Generator, form: Form, depth: float, height: float, major: float, minor: float
) -> Ellipse:
    """Find the nearest spot to the wished one that lies well inside the breast."""
    angle = float(rng.uniform(0, np.pi))
    for _ in range(200):
        out = depth * form.depth
        down = form.nipple + height * (form.below if height > 0 else form.above) * 0.8
        here = np.array([[down - 1], [down], [down + 1]], np.float32), np.array([[out]], np.float32)
        deep = float(skin_distance(form, *here)[1, 0])
        muscle = float(muscle_distance(form, *here)[1, 0])
        if deep > SKIN_MARGIN and muscle < -MUSCLE_MARGIN and out > CHEST_MARGIN:
            return Ellipse(down, out, major, minor, angle)
        depth = 0.5 + (depth - 0.5) * 0.9 + float(rng.normal(0, 0.03))
        height = height * 0.9 + float(rng.normal(0, 0.03))
    return Ellipse(form.nipple, form.depth * 0.5, major, minor, angle)


def draw_lesion(brightness: Field, lesion: SyntheticLesion, view: View) -> None:
    """Add a lesion to the brightness of a view, in place; only inside and just around it."""
    place = lesion.places[view]
    rng = np.random.default_rng([lesion.seed, int(view == "MLO")])
    down, out = millimetres(*brightness.shape)
    radius, angle = place.radius(down, out)
    if lesion.finding == "mass":
        brightness += lesion.contrast * _mass(rng, radius, angle, spiculated=lesion.malignant)
    elif lesion.finding == "calcification":
        brightness += lesion.contrast * _specks(rng, place, down, out, brightness.shape)
    else:
        brightness += lesion.contrast * _lines(rng, radius, angle)


def _mass(rng: np.random.Generator, radius: Field, angle: Field, *, spiculated: bool) -> Field:
    """A soft bulge; a malignant one has an uneven edge and spikes."""
    if not spiculated:
        return np.asarray(0.17 / (1 + np.exp((radius - 0.82) * 14)), np.float32)
    waves = sum(
        float(rng.uniform(0.03, 0.09)) * np.sin(k * angle + float(rng.uniform(0, 6.28)))
        for k in range(2, 7)
    )
    core = 0.19 / (1 + np.exp((radius - 0.62 - waves) * 9))
    spikes = np.zeros_like(radius)
    for _ in range(int(rng.integers(9, 16))):
        turn = np.angle(np.exp(1j * (angle - float(rng.uniform(0, 6.28)))))
        length = float(rng.uniform(0.9, 1.5))
        spikes += np.exp(-((turn * radius / 0.055) ** 2)) * np.clip(1 - radius / length, 0, 1)
    return np.asarray(core + 0.12 * np.clip(spikes, 0, 1.5), np.float32)


def _specks(
    rng: np.random.Generator, place: Ellipse, down: Field, out: Field, shape: tuple[int, ...]
) -> Field:
    """A cluster of bright specks, each no smaller than a pixel of this picture."""
    picture = np.zeros(shape, np.float32)
    pixel = float(down[1, 0] - down[0, 0])
    for _ in range(int(rng.integers(9, 22))):
        distance, turn = float(rng.uniform(0, 0.85)) ** 0.5, float(rng.uniform(0, 6.28))
        along = place.major * distance * np.cos(turn)
        across = place.minor * distance * np.sin(turn)
        y = place.down + along * np.sin(place.angle) + across * np.cos(place.angle)
        x = place.out + along * np.cos(place.angle) - across * np.sin(place.angle)
        spread = max(float(rng.uniform(0.15, 0.35)), 0.45 * pixel)
        height = float(rng.uniform(0.18, 0.42))
        picture += np.float32(height) * np.exp(-((down - y) ** 2 + (out - x) ** 2) / spread**2 / 2)
    return picture


def _lines(rng: np.random.Generator, radius: Field, angle: Field) -> Field:
    """Thin straight lines that meet in a point, with little or no mass there."""
    picture = np.zeros_like(radius)
    for _ in range(int(rng.integers(14, 24))):
        turn = np.angle(np.exp(1j * (angle - float(rng.uniform(0, 6.28)))))
        length = float(rng.uniform(0.7, 1.25))
        fade = np.clip(1 - radius / length, 0, 1)
        picture += np.exp(-((turn * radius / 0.04) ** 2)) * fade
    return np.asarray(
        0.14 * np.clip(picture, 0, 1.4) + 0.03 * np.exp(-((radius / 0.3) ** 2)), np.float32
    )


def in_pixels(
    ellipse: Ellipse, rows: int, columns: int, *, millimetres_per_pixel: float, mirrored: bool
) -> tuple[Point, ...]:
    """Give an ellipse as DICOM does: ends of the axes as x, y from the top left corner."""
    points = []
    for down, out in ellipse.ends():
        x, y = out / millimetres_per_pixel, down / millimetres_per_pixel
        x = columns - x if mirrored else x
        inside = min(max(float(x), 0.0), columns), min(max(float(y), 0.0), rows)
        points.append((round(inside[0], 3), round(inside[1], 3)))
    return tuple(points)
