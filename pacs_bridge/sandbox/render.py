"""From tissue to the stored pixels of a mammogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pacs_bridge.sandbox.anatomy import Anatomy, View, mirrored
from pacs_bridge.sandbox.lesions import SyntheticLesion, draw_lesion
from pacs_bridge.sandbox.noise import TILE, Field, Textures
from pacs_bridge.sandbox.phantom import draw_tissue, smooth

Pixels = NDArray[np.uint16]

BITS_STORED = 12
BACKGROUND, BRIGHTEST = 24, 3900
"""Stored values of air (detector offset) and of the densest tissue."""


def render_view(
    anatomy: Anatomy,
    view: View,
    lesions: list[SyntheticLesion],
    textures: Textures,
    rng: np.random.Generator,
    rows: int,
    columns: int,
) -> Pixels:
    """Draw one image, mirrored where its side asks for it.

    Tissue is drawn on a grid of at most `TILE` rows and enlarged from there; the noise of
    the detector is added at full size.

    Returns
    -------
    ndarray
        rows x columns, stored values of `BITS_STORED` bits.
    """
    factor = max(1, -(-rows // TILE))
    brightness, distance = draw_tissue(
        anatomy.forms[view], anatomy.density, textures, rng, rows // factor, columns // factor
    )
    for lesion in lesions:
        draw_lesion(brightness, lesion, view)
    edge = smooth(distance, -0.4, 11) ** np.float32(0.75)
    rim = 0.07 * np.exp(-(((distance - 1.2) / 0.9) ** 2))
    picture = (brightness * edge + rim) * (distance > -0.4)
    if factor > 1:
        picture = _enlarge(picture, factor)
    if mirrored(anatomy.laterality):
        picture = picture[:, ::-1]
    inside = picture > 0
    grain = rng.standard_normal((rows, columns), dtype=np.float32)
    picture = picture + grain * (0.006 + 0.008 * np.sqrt(np.clip(picture, 0, 1)))
    stored = np.where(inside, BACKGROUND + 60 + picture * (BRIGHTEST - BACKGROUND), BACKGROUND)
    stored = np.where(inside, stored, stored + grain * 2)
    return np.clip(stored, 0, 2**BITS_STORED - 1).astype(np.uint16)


def _enlarge(picture: Field, factor: int) -> Field:
    rows, columns = picture.shape
    image = Image.fromarray(np.ascontiguousarray(picture, dtype=np.float32))
    enlarged = image.resize((columns * factor, rows * factor), Image.Resampling.BICUBIC)
    return np.asarray(enlarged, dtype=np.float32)


def print_word(pixels: Pixels, word: str, *, at_left: bool) -> None:
    """Print a word into the background of an image, in place, large enough to be read."""
    rows, columns = pixels.shape
    size = max(18, rows // 22)
    font = ImageFont.load_default(size)
    picture = Image.new("L", (columns, rows))
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.textbbox((0, 0), word, font=font)
    margin = rows // 40
    x = margin - left if at_left else columns - margin - right
    draw.text((x, rows - margin - bottom), word, fill=255, font=font)
    del top
    shape = np.asarray(picture, dtype=np.float32) / 255
    pixels[...] = np.maximum(pixels, (shape * BRIGHTEST).astype(np.uint16))
