"""``python -m benchmarks [NAME …] [--json] [--runs N]``: measure, a line a peer.

``python -m benchmarks --write docs/performance.md FILE`` puts what was kept in FILE by
``--keep FILE`` into that document.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NOTE = "ratio: above 1, ours is better; median of the rounds' own ratios. TCP_NODELAY on both sides"
NOTE_STOCK = "(DCMTK's switch) except in send-small-stock."


def main(words: Sequence[str] | None = None) -> int:
    """Run what is asked for; gives the exit status: 0 all measured, 1 not all, 2 usage."""
    arguments = _parser().parse_args(words)
    from benchmarks import table
    from benchmarks.catalogue import BENCHMARKS

    if arguments.write is not None:
        document, file = arguments.write
        try:
            table.write_into(document, table.read_rows(file))
        except (table.NotATable, OSError) as error:
            say(str(error))
            return 2
        return 0
    if arguments.list:
        for each in BENCHMARKS.values():
            print(f"{each.name:<30}{each.says}")
        return 0
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        say(f"There is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}.")
        return 2
    chosen = arguments.names or list(BENCHMARKS)
    if not arguments.json:
        print(table.head())
    rows: list[table.Row] = []
    measured = [_measure(name, arguments, rows) for name in chosen]
    if not arguments.json:
        say(f"{table.summary(rows)}\n{NOTE}\n{NOTE_STOCK}")
        say(f"{arguments.runs} rounds; load average {os.getloadavg()[0]:.1f} at the end.")
    return 0 if all(measured) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the product against peers, in the same run, in interleaved rounds. "
        "A ratio above 1 means that ours is better. TCP_NODELAY is set on both sides, except "
        "where a name ends in -stock.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these (see --list)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--runs", type=_rounds, default=5, metavar="N", help="rounds (default 5)")
    parser.add_argument(
        "--folder", type=Path, help="a folder on the disk to measure (default: the temporary one)"
    )
    parser.add_argument(
        "--tiny", action="store_true", help="a few objects only: shows that it works, no more"
    )
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write JSON lines there too")
    parser.add_argument(
        "--write",
        type=Path,
        nargs=2,
        metavar=("DOCUMENT", "FILE"),
        help="put the figures kept in FILE into a document; measure nothing",
    )
    parser.add_argument("--list", action="store_true", help="say what there is, measure nothing")
    return parser


def _rounds(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least one round is needed")
    return count


def _measure(name: str, arguments: argparse.Namespace, rows: list[dict[str, Any]]) -> bool:
    """Run one benchmark and print its lines; False, with the reason said, where it cannot."""
    from benchmarks import table
    from benchmarks.catalogue import BENCHMARKS
    from benchmarks.measure import Place, run
    from benchmarks.programs import find_program
    from benchmarks.wire import CallFailed
    from pacs_bridge.domain.errors import PacsBridgeError

    benchmark = BENCHMARKS[name]
    for program, package in benchmark.needs:
        if find_program(program) is None:
            say(f"{name}: {program} is not on this machine; run: sudo apt-get install {package}")
            return False
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=arguments.folder) as folder:
        try:
            lines = list(run(benchmark, Place(Path(folder), arguments.tiny), arguments.runs))
        except (CallFailed, PacsBridgeError, OSError, subprocess.SubprocessError) as error:
            say(f"{name}: {error}")
            return False
    for line in lines:
        row = line.as_json()
        rows.append(row)
        print(json.dumps(row) if arguments.json else table.plain(row), flush=True)
        if arguments.keep is not None:
            with arguments.keep.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return True


def say(text: str) -> None:
    """Tell a person something: stdout is for figures."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
