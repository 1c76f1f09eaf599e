"""`pacs-bridge load check`: fetch images of a set back, and compare them with what was sent."""

from __future__ import annotations

from typing import Annotated

import typer

from pacs_bridge.cli.terminal import CopyNumber, Home, Json, open_home, print_json, say


def check(
    set_name: Annotated[
        str, typer.Argument(metavar="SET", help="The set's prefix.", show_default=False)
    ],
    pacs: Annotated[
        str, typer.Argument(metavar="PACS", help="The PACS's name here.", show_default=False)
    ],
    every: Annotated[
        bool, typer.Option("--all", help="Every image; else the practice cases and some others.")
    ] = False,
    copy: CopyNumber = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Fetch images of a set back from a PACS, and say whether they are as they were sent."""
    from pacs_bridge.domain.errors import GiveUp
    from pacs_bridge.domain.intact import Grade
    from pacs_bridge.services.plan import find_load
    from pacs_bridge.wiring.checks import build_check

    installation = open_home(home)
    load = find_load(set_name, pacs, begin=installation.read, copy=copy)
    found = build_check(installation)(load.load_id, every=every)
    if json:
        print_json({"set": load.set_name, "pacs": load.pacs, **found.as_dict()})
    elif found.grade is Grade.INTACT:
        say(found.sentence)
    if found.grade is not Grade.INTACT:
        raise GiveUp(found.sentence)
