"""How two sides are compared: in turn, on the same machine, in the same minutes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

from benchmarks.processes import peak_mb

OURS = ""
"""The name of our side, where sides are told apart by their peers' names."""

Side = Callable[[int], float]
"""Does one round's work and gives its figure; told the number of the round."""

WARM_UP = 0
"""The number of the round that nothing is taken from; those that count begin at 1."""


@dataclass(frozen=True)
class Place:
    """Where a benchmark works.

    Parameters
    ----------
    folder : Path
        Empty, on the disk that is measured; removed afterwards.
    tiny : bool
        Whether to do only as much as proves that it works.
    """

    folder: Path
    tiny: bool

    def count(self, full: int, tiny: int) -> int:
        """How many of something."""
        return tiny if self.tiny else full


@dataclass(frozen=True)
class Contest:
    """Ours and its peers, ready to be run.

    Parameters
    ----------
    better : {"more", "less"}
        Which figure is the better one: ``more`` of a rate, ``less`` of memory or time.
    bars : mapping of str to float
        By peer, the ratio that ours is to reach.
    most : float or None
        What our own figure is to stay below, whatever the peer's.
    pids : mapping of str to int
        By peer, ours as `OURS`: processes whose peak of memory is told with the figures.
    most_mb : float or None
        What our own peak of memory is to stay below.
    """

    unit: str
    ours: Side
    peers: Mapping[str, Side]
    better: Literal["more", "less"] = "more"
    bars: Mapping[str, float] = field(default_factory=dict)
    most: float | None = None
    pids: Mapping[str, int] = field(default_factory=dict)
    most_mb: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """One thing that is measured.

    Parameters
    ----------
    needs : tuple of (str, str)
        Programs of others, each with its Debian package.
    open : callable
        Makes the data and starts both sides; ends them afterwards.
    """

    name: str
    says: str
    needs: tuple[tuple[str, str], ...]
    open: Callable[[Place], AbstractContextManager[Contest]]


@dataclass(frozen=True)
class Line:
    """One figure against one peer.

    Parameters
    ----------
    ours, peer : float
        Medians over the rounds.
    ratio : float
        Median of the rounds' own ratios: what disturbs a whole round leaves it alone. Above 1,
        ours is better.
    bar : float or None
        What the ratio is to reach.
    most : float or None
        What our own figure is to stay below.
    ours_mb, peer_mb : float or None
        Peak of memory, the program's own included.
    most_mb : float or None
        What ours is to stay below.
    load : float
        Load average of the machine at the end.
    """

    name: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    unit: str
    runs: int
    bar: float | None = None
    most: float | None = None
    ours_mb: float | None = None
    peer_mb: float | None = None
    most_mb: float | None = None
    load: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The line as plain JSON values, to four significant digits."""
        return {
            key: float(f"{value:.4g}") if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


def run(benchmark: Benchmark, place: Place, runs: int) -> Iterator[Line]:
    """Run one benchmark; gives a line for each peer.

    Parameters
    ----------
    runs : int
        Rounds that count; in each, every side has its turn, in the order of the last round
        turned round.
    """
    with benchmark.open(place) as contest:
        rounds = _rounds(contest, runs, warm_up=not place.tiny)
        peaks = {name: peak_mb(pid) for name, pid in contest.pids.items()}
    ours = [figures[OURS] for figures in rounds]
    for peer_name in contest.peers:
        theirs = [figures[peer_name] for figures in rounds]
        ratios = [
            o / p if contest.better == "more" else p / o for o, p in zip(ours, theirs, strict=True)
        ]
        yield Line(
            benchmark.name,
            median(ours),
            median(theirs),
            peer_name,
            median(ratios),
            contest.unit,
            runs,
            bar=contest.bars.get(peer_name),
            most=contest.most,
            ours_mb=peaks.get(OURS),
            peer_mb=peaks.get(peer_name),
            most_mb=contest.most_mb,
            load=os.getloadavg()[0],
        )


def is_reached(row: Mapping[str, Any]) -> bool | None:
    """Tell whether a line, as JSON has it, reached all that it is to reach; None for nothing."""
    judged = []
    if row["bar"] is not None:
        judged.append(row["ratio"] >= row["bar"])
    if row["most"] is not None:
        judged.append(row["ours"] < row["most"])
    if row["most_mb"] is not None:
        judged.append(row["ours_mb"] <= row["most_mb"])
    return all(judged) if judged else None


def _rounds(contest: Contest, runs: int, *, warm_up: bool) -> list[dict[str, float]]:
    sides = [(OURS, contest.ours), *contest.peers.items()]
    if warm_up:
        for _, side in sides:
            side(WARM_UP)
    rounds = []
    for number in range(1, runs + 1):
        turns = sides if number % 2 else sides[::-1]
        rounds.append({name: side(number) for name, side in turns})
    return rounds
