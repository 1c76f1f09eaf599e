"""Textures for the synthetic breast: tileable random fields whose power falls with frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""A picture as 32-bit floats: rows x columns, row 0 at the top."""

TILE = 1024
"""Rows and columns of one tile; it repeats without a seam."""


def power_law_tile(rng: np.random.Generator, beta: float, size: int = TILE) -> Field:
    """Make one tile of noise whose power spectrum falls as 1 / frequency ** `beta`.

    Mammographic parenchyma is well described by a `beta` of about 3.

    Returns
    -------
    ndarray
        `size` x `size`, mean 0, standard deviation 1.

    References
    ----------
    Burgess, Jacobson and Judy, Human observer detection experiments with mammograms and
    power-law noise, Med Phys 2001;28:419-437.
    """
    rows = np.fft.fftfreq(size).astype(np.float32)[:, None]
    columns = np.fft.rfftfreq(size).astype(np.float32)[None, :]
    frequency = np.sqrt(rows**2 + columns**2)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    spectrum *= frequency ** np.float32(-beta / 2)
    # The longest waves would make one half of a breast brighter than the other.
    spectrum[0, 0] = 0.0
    tile = np.fft.irfft2(spectrum, (size, size)).astype(np.float32)
    tile /= tile.std()
    return tile


def sample(tile: Field, rows: Field, columns: Field) -> Field:
    """Read a tile at continuous positions (in tile pixels), linearly between its pixels.

    Positions beyond the tile wrap round.
    """
    size = tile.shape[0]
    top, left = np.floor(rows), np.floor(columns)
    down, right = rows - top, columns - left
    row, column = top.astype(np.int64) % size, left.astype(np.int64) % size
    below, beside = (row + 1) % size, (column + 1) % size
    upper = tile[row, column] * (1 - right) + tile[row, beside] * right
    lower = tile[below, column] * (1 - right) + tile[below, beside] * right
    result: Field = (upper * (1 - down) + lower * down).astype(np.float32)
    return result


def cut(tile: Field, rng: np.random.Generator, rows: int, columns: int) -> Field:
    """Cut a random window out of a tile (wrapping round), randomly mirrored.

    Parameters
    ----------
    rows, columns : int
        At most the tile's own size.
    """
    size = tile.shape[0]
    row, column = (int(offset) for offset in rng.integers(0, size, 2))
    window = np.take(tile, range(row, row + rows), axis=0, mode="wrap")
    window = np.take(window, range(column, column + columns), axis=1, mode="wrap")
    return window[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]


@dataclass(frozen=True)
class Textures:
    """The tiles that all images of one set are cut from (made once: they cost a second).

    Parameters
    ----------
    clouds : tuple of ndarray
        Parenchyma, broad: power-law noise of exponent 3.3 (measured: about 3).
    fibres : tuple of ndarray
        Finer: exponent 2.7, for strands and grain inside the gland.
    grain : ndarray
        Detector and quantum noise, white.
    """

    clouds: tuple[Field, ...]
    fibres: tuple[Field, ...]
    grain: Field

    @classmethod
    def make(cls, seed: int) -> Textures:
        """Make the tiles of a seed; the same seed gives the same tiles."""
        rng = np.random.default_rng([seed, 0])
        return cls(
            clouds=tuple(power_law_tile(rng, 3.3) for _ in range(3)),
            fibres=tuple(power_law_tile(rng, 2.7) for _ in range(2)),
            grain=power_law_tile(rng, 0.3),
        )

    def cloud(self, rng: np.random.Generator, rows: int, columns: int) -> Field:
        """A random window of one of the broad tiles."""
        return cut(self.clouds[int(rng.integers(len(self.clouds)))], rng, rows, columns)

    def fibre(self, rng: np.random.Generator, rows: int, columns: int) -> Field:
        """A random window of one of the finer tiles."""
        return cut(self.fibres[int(rng.integers(len(self.fibres)))], rng, rows, columns)
