"""Truth and marks drawn into a rendered picture, for viewers that show no states."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pacs_bridge.domain.marks import Mark, Point
from pacs_bridge.sr.feedback import READER_RGB, TRUTH_RGB, outline_of
from pacs_bridge.sr.notes import write_note

Picture = np.ndarray[tuple[int, ...], np.dtype[Any]]
Colour = tuple[int, int, int]


def draw_feedback(
    png: bytes, size: tuple[int, int], known: Sequence[Mark], drawn: Sequence[Mark], reader: str
) -> Picture:
    """Draw truth (green) and a reader's marks (yellow) into a picture of a whole image.

    Parameters
    ----------
    png : bytes
        The image rendered in grey, at whatever scale.
    size : (int, int)
        Columns and rows of the image, in whose coordinates the marks stand.

    Returns
    -------
    ndarray of uint8, (rows, columns, 3)
        Red, green and blue; where nothing is drawn all three are the grey.
    """
    picture = Image.open(BytesIO(png)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    scale = (picture.width / size[0], picture.height / size[1])
    for marks, colour in ((known, TRUTH_RGB), (drawn, READER_RGB)):
        for mark in marks:
            _draw(pen, mark, scale, colour, picture.size)
    line = max(10, picture.height // 60)
    pen.text((2, 2), "Truth", fill=TRUTH_RGB, font_size=line)
    if reader:
        pen.text((2, 4 + line), reader, fill=READER_RGB, font_size=line)
    return np.asarray(picture)


def _draw(
    pen: ImageDraw.ImageDraw, mark: Mark, scale: Point, colour: Colour, size: tuple[int, int]
) -> None:
    across, height = size
    line = [(x * scale[0], y * scale[1]) for x, y in outline_of(mark)]
    width = max(1, height // 400)
    if len(line) == 1:
        (x, y), arm = line[0], max(3, height // 80)
        pen.line([(x - arm, y), (x + arm, y)], fill=colour, width=width)
        pen.line([(x, y - arm), (x, y + arm)], fill=colour, width=width)
    else:
        pen.line(line, fill=colour, width=width)
    if words := mark.text or write_note(mark.rating, mark.finding):
        letters = max(10, height // 60)
        x, y = max(x for x, _ in line) + 2 * width, mark.centre[1] * scale[1]
        furthest = across - pen.textlength(words, font_size=letters)
        if x > furthest:  # below the mark, where there is no room beside it
            x, y = furthest, max(y for _, y in line) + width
        pen.text((x, y), words, fill=colour, font_size=letters)
