"""The interoperability matrix: what a run saw, as a page that can be compared.

A check is a function that drives a peer and the product and raises where they do not
understand each other. What it returns is the outcome: None for a pass, or `not_offered`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("MATRIX.md")
PASS, FAIL, NOT_OFFERED = "pass", "fail", "not offered by this peer"

Check = Callable[[Any], str | None]

HEAD = """\
# Interoperability matrix

Each row was driven over the wire by `make matrix`, the product by its command line alone. A row
passes when statuses, counts and contents are right on both sides; "byte for byte" means that
the data set that arrived has the very bytes that the sender put on the wire. The tests fail
where a run comes to other outcomes than stand here.
"""


@dataclass(frozen=True)
class Row:
    """One peer and service.

    Parameters
    ----------
    asks : str
        ``it asks us`` or ``we ask it``.
    """

    peer: str
    program: str
    asks: str
    service: str

    @property
    def name(self) -> str:
        """What the test of this row is called."""
        return f"{self.peer} {self.program}: {self.service}" + " (ours)" * (self.asks == WE)


IT, WE = "it asks us", "we ask it"
CHECKS: dict[Row, Check] = {}


def check(peer: str, program: str, asks: str, service: str) -> Callable[[Check], Check]:
    """Enter a check under its row."""

    def enter(function: Check) -> Check:
        row = Row(peer, program, asks, service)
        assert row not in CHECKS, row
        CHECKS[row] = function
        return function

    return enter


def render(outcomes: dict[Row, str], versions: dict[str, str]) -> str:
    """Write the page; it says the same for the same outcomes and versions."""
    lines = [HEAD, "| peer | version |", "|---|---|"]
    lines += [f"| {peer} | {version} |" for peer, version in sorted(versions.items())]
    lines += ["", "| peer | program | who asks | service | outcome |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.peer} | {row.program} | {row.asks} | {row.service} | {outcome} |"
        for row, outcome in outcomes.items()
    ]
    counts = {kind: list(outcomes.values()).count(kind) for kind in (PASS, FAIL, NOT_OFFERED)}
    lines += ["", ", ".join(f"{kind}: {count}" for kind, count in counts.items() if count) + "."]
    return "\n".join(lines) + "\n"


def read(text: str) -> dict[Row, str]:
    """Read the outcomes of a page."""
    rows = re.findall(r"^\| (.+) \| (.+) \| (it asks us|we ask it) \| (.+) \| (.+) \|$", text, re.M)
    return {Row(*row): outcome for *row, outcome in rows}
