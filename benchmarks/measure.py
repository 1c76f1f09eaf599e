"""How two sides are compared: in turn, on the same machine, in the same minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

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
    """

    unit: str
    ours: Side
    peers: Mapping[str, Side]
    better: Literal["more", "less"] = "more"


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
    """

    name: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    unit: str
    runs: int

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
    ours = [figures[""] for figures in rounds]
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
        )


def _rounds(contest: Contest, runs: int, *, warm_up: bool) -> list[dict[str, float]]:
    sides = [("", contest.ours), *contest.peers.items()]
    if warm_up:
        for _, side in sides:
            side(WARM_UP)
    rounds = []
    for number in range(1, runs + 1):
        turns = sides if number % 2 else sides[::-1]
        rounds.append({name: side(number) for name, side in turns})
    return rounds
