"""`pacs-bridge pacs saving`: how one saves in the viewer of a PACS, told to its readers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pacs_bridge.cli.pacs_options import Name
from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say


def saving(
    name: Name,
    words: Annotated[
        str | None,
        typer.Option("--words", help="One sentence; empty for the usual one.", show_default=False),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            metavar="FILE",
            help="A screenshot of the save button, PNG or JPEG of at most 2 MB.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--no-picture", help="Take the picture away.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Say, or tell, how one saves in its viewer: for readers of whom nothing reaches us."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.services.saving_help import MOST_BYTES, set_saving, show_saving
    from pacs_bridge.wiring.who import build_redraw

    installation = open_home(home)
    if picture is not None and remove:
        raise RefusedInput("Give a picture or take it away, not both.")
    if words is None and picture is None and not remove:
        found = show_saving(name, begin=installation.read)
    else:
        content = None
        if picture is not None:
            with picture.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        found = set_saving(
            name,
            begin=installation.begin,
            now=installation.now,
            redraw=build_redraw(),
            words=words,
            picture=content,
            remove=remove,
        )
    if json:
        size = None if found.picture is None else len(found.picture)
        at = None if found.set_at is None else found.set_at.isoformat()
        print_json({"pacs": found.pacs, "words": found.words, "picture_bytes": size, "set_at": at})
        return
    say(f"Readers at {found.pacs} of whom nothing reaches us are told: {found.words}")
    if found.picture is None:
        say("No picture is shown with it.")
    else:
        say(f"A picture of {len(found.picture) // 1000 + 1} kB is shown with it.")
