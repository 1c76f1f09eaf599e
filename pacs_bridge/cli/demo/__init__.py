"""``demo``: a whole round in front of you, through the same parts that a hospital uses."""

from __future__ import annotations

import shutil
from enum import StrEnum
from typing import Annotated

import typer

from pacs_bridge.cli.terminal import Json, print_json, warn


class PacsKind(StrEnum):
    """Which PACS the round runs against."""

    ORTHANC = "orthanc"
    SANDBOX = "sandbox"


def register(app: typer.Typer) -> None:
    """Put the command under the root."""
    app.command("demo")(demo)


def demo(
    pacs: Annotated[
        PacsKind | None,
        typer.Option(help="The PACS; Orthanc where it is installed, else the sandbox's own."),
    ] = None,
    cases: Annotated[int, typer.Option(min=2, max=64, help="How many cases.")] = 64,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running and say where.")] = False,
    as_json: Json = False,
) -> None:
    """Run a whole round: images, PACS, ready, marks, scores, results. Then a table."""
    from pacs_bridge.cli.demo.report import print_addresses, print_table
    from pacs_bridge.cli.demo.steps import DemoRound

    kind = pacs or _best_pacs()
    with DemoRound(kind.value, cases) as round_:
        outcome = round_.run()
        if as_json:
            print_json(outcome.as_json())
        else:
            print_table(outcome, kept=keep)
        if keep:
            print_addresses(round_.addresses(), to_stderr=as_json)
            round_.wait_for_interrupt()
    if not outcome.complete:
        raise typer.Exit(1)


def _best_pacs() -> PacsKind:
    from pacs_bridge.sandbox.orthanc import INSTALL, find_orthanc

    if find_orthanc() or shutil.which("Orthanc"):
        return PacsKind.ORTHANC
    warn(f"Orthanc is not installed, so the sandbox's own PACS takes its place ({INSTALL}).")
    return PacsKind.SANDBOX
