"""Figures as rows: plain for a terminal, and as the table of docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import is_reached

BEGIN, END = "<!-- figures: python -m benchmarks --write -->", "<!-- end of figures -->"

_WIDTHS = (28, 9, 9, 8, 7, 5, 16)
_HEADS = ("what", "ours", "peer", "ratio", "bar", "met", "MB")

Row = dict[str, Any]
"""A `Line` as JSON has it."""


class NotATable(Exception):
    """A file does not hold what is needed of it."""


def head() -> str:
    """Give the first line of the plain table."""
    return _columns([*_HEADS, "unit, peer"])


def plain(row: Row) -> str:
    """Give one line of the plain table."""
    cells = [row["name"], _number(row["ours"]), _number(row["peer"]), _number(row["ratio"])]
    return _columns(
        [*cells, _bar(row), _met(row), _memory(row), f"{row['unit']}, {row['peer_name']}"]
    )


def summary(rows: Iterable[Row]) -> str:
    """Say how many bars were reached, and which were not."""
    judged = [(row, is_reached(row)) for row in rows]
    missed = [f"{row['name']} against {row['peer_name']}" for row, met in judged if met is False]
    count = sum(met is not None for _, met in judged)
    return f"{count - len(missed)} of {count} bars reached" + (
        f"; not {', '.join(missed)}." if missed else "."
    )


def read_rows(path: Path) -> list[Row]:
    """Read the lines that ``--json`` or ``--keep`` wrote.

    Raises
    ------
    NotATable
        When one is none.
    """
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        for row in rows:
            plain(row)
    except (ValueError, KeyError, TypeError) as error:
        raise NotATable(f"{path} holds no figures; make it with --json or --keep.") from error
    if not rows:
        raise NotATable(f"{path} is empty; make it with --json or --keep.")
    return rows


def write_into(document: Path, rows: Sequence[Row]) -> None:
    """Put a table of the rows between the two marks of a document.

    Raises
    ------
    NotATable
        When the document has no such marks.
    """
    text = document.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NotATable(f"{document} has no place for figures; put {BEGIN} and {END} into it.")
    document.write_text(f"{before}{BEGIN}\n\n{markdown(rows)}\n\n{END}{after}")


def markdown(rows: Sequence[Row]) -> str:
    """Give the table as Markdown, and below it how busy the machine was."""
    lines = [
        "| name | peer | unit | ours | peer's | ratio | at least | met | peak MB, ours / peer's |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = (
            f"`{row['name']}`", row["peer_name"], row["unit"], _number(row["ours"]),
            _number(row["peer"]), f"**{_number(row['ratio'])}**", _bar(row), _met(row),
            _memory(row),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    loads, runs = [row["load"] for row in rows], {row["runs"] for row in rows}
    said = f"Rounds: {', '.join(map(str, sorted(runs)))}. Load average of the machine meanwhile: "
    lines += ["", f"{said}{min(loads):.1f} to {max(loads):.1f}. {summary(rows)}"]
    return "\n".join(lines)


def _columns(cells: Sequence[str]) -> str:
    name, *figures = cells[:-1]
    right = "".join(f"{cell:>{width}}" for cell, width in zip(figures, _WIDTHS[1:], strict=True))
    return f"{name:<{_WIDTHS[0]}}{right}  {cells[-1]}"


def _number(value: float) -> str:
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"


def _bar(row: Row) -> str:
    if row["most"] is not None:
        return f"<{row['most']:g}"
    return "" if row["bar"] is None else f"{row['bar']:g}x"


def _met(row: Row) -> str:
    return {None: "", True: "yes", False: "no"}[is_reached(row)]


def _memory(row: Row) -> str:
    if row["ours_mb"] is None:
        return ""
    most = "" if row["most_mb"] is None else f" (<{row['most_mb']:g})"
    theirs = "" if row["peer_mb"] is None else f" / {row['peer_mb']:.0f}"
    return f"{row['ours_mb']:.0f}{most}{theirs}"
