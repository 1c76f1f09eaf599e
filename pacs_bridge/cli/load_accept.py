"""`pacs-bridge load accept`: readers search for a case under the PACS's own name for it."""

from __future__ import annotations

from typing import Annotated

import typer

from pacs_bridge.cli.terminal import CopyNumber, Home, Json, open_home, print_json, say

SetPrefix = Annotated[
    str, typer.Argument(metavar="SET", help="The set's prefix.", show_default=False)
]
PacsName = Annotated[
    str, typer.Argument(metavar="PACS", help="The PACS's name here.", show_default=False)
]


def accept(
    set_name: SetPrefix,
    pacs: PacsName,
    case: Annotated[
        str | None,
        typer.Argument(metavar="[CASE]", help="Its accession number.", show_default=False),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every case that stands under another name.")
    ] = False,
    copy: CopyNumber = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Accept the name under which a PACS files a case; the PACS is asked again at once."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.services.plan import find_load
    from pacs_bridge.services.search_notes import accept_names

    if (case is None) is not every:
        raise RefusedInput("Name one case, or say --all.")
    installation = open_home(home)
    load = find_load(set_name, pacs, begin=installation.read, copy=copy)
    names = accept_names(load.load_id, case, begin=installation.begin, now=installation.now)
    if json:
        print_json(names)
        return
    for accession, name in names.items():
        say(f"{accession}: readers search for {name}.")
