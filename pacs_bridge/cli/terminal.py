"""What commands share: where the home is, how to print, how to end."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from pacs_bridge.wiring.installation import Installation

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="PACS_BRIDGE_HOME",
        help="The folder of this installation.",
        show_default=False,
    ),
]
CopyNumber = Annotated[
    int,
    typer.Option(
        "--copy", min=0, max=99, help="Which reader's copy of the set is meant; 0 is the master."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def open_home(home: Path | None) -> Installation:
    """Open the installation that a command is about."""
    from pacs_bridge.wiring.installation import Installation

    return Installation.open(home)


def print_json(value: Any) -> None:
    """Print one JSON value on stdout, on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def say(text: str = "") -> None:
    """Print a line on stdout."""
    sys.stdout.write(text + "\n")


def warn(text: str) -> None:
    """Print a line on stderr."""
    sys.stderr.write(text + "\n")


def console(*, stderr: bool = False) -> Console:
    """Give a console for tables (stdout) or progress (stderr)."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)
