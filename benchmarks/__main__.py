"""``python -m benchmarks [NAME …] [--json] [--runs N]``: measure, a line a peer."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

NOTE = "ratio: above 1, ours is better; median of the rounds' own ratios. TCP_NODELAY on both sides"
NOTE_STOCK = "(DCMTK's switch) except in send-small-stock."


def main(words: Sequence[str] | None = None) -> int:
    """Run what is asked for; gives the exit status: 0 all measured, 1 not all, 2 usage."""
    arguments = _parser().parse_args(words)
    from benchmarks.catalogue import BENCHMARKS

    if arguments.list:
        for each in BENCHMARKS.values():
            print(f"{each.name:<18}{each.says}")
        return 0
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        say(f"There is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}.")
        return 2
    chosen = arguments.names or list(BENCHMARKS)
    if not arguments.json:
        print(_row("what", "ours", "peer", "ratio", "unit", "peer's name"))
    measured = [_measure(name, arguments) for name in chosen]
    if not arguments.json:
        say(f"{NOTE}\n{NOTE_STOCK}")
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
    parser.add_argument("--list", action="store_true", help="say what there is, measure nothing")
    return parser


def _rounds(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least one round is needed")
    return count


def _measure(name: str, arguments: argparse.Namespace) -> bool:
    """Run one benchmark and print its lines; False, with the reason said, where it cannot."""
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
        values = line.as_json()
        if arguments.json:
            print(json.dumps(values), flush=True)
        else:
            ours, peer, ratio = (f"{values[key]:g}" for key in ("ours", "peer", "ratio"))
            print(_row(name, ours, peer, ratio, line.unit, line.peer_name), flush=True)
    return True


def _row(name: str, ours: str, peer: str, ratio: str, unit: str, peer_name: str) -> str:
    return f"{name:<17} {ours:>9} {peer:>9} {ratio:>9}  {unit:<15} {peer_name}"


def say(text: str) -> None:
    """Tell a person something: stdout is for figures."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
