"""Settings of the built-in scoring server: one frozen value, handed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pacs_bridge.domain.identifiers import PERFORMS, Naming


@dataclass(frozen=True)
class ScorerConfig:
    """What the scoring server needs to know.

    Parameters
    ----------
    database : Path
        Its own SQLite file; made where it is not there.
    secret_file : Path
        Holds the shared secret of the signatures, at least 16 bytes.
    tolerance : float
        How far outside a region a mark may lie and still hit it, in pixels.
    largest_body : int
        Bytes of the largest body taken.
    clock_tolerance : float
        How far the time of a signed question may be from ours, in seconds.
    naming : Naming
        How the scheme names its cases, and which are practice.
    now : callable
        Seconds since 1970 (UTC).
    """

    database: Path
    secret_file: Path
    tolerance: float = 0.0
    largest_body: int = 8 * 2**20
    clock_tolerance: float = 300.0
    naming: Naming = PERFORMS
    now: Callable[[], float] = time.time
