"""`pacs-bridge marks pull`: fetch the marks that a PACS does not push."""

from __future__ import annotations

from typing import Annotated

import typer

from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say


def pull(
    pacs: Annotated[
        str, typer.Argument(metavar="PACS", help="The PACS's name here.", show_default=False)
    ],
    set_name: Annotated[
        str,
        typer.Option(
            "--set", metavar="SET", help="Only of this set; else of all that stand there."
        ),
    ] = "",
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Fetch the marks that a PACS holds and does not push; nothing is fetched twice.

    Ends with 1 where something could not be asked for, or did not come.
    """
    from pacs_bridge.domain.errors import GiveUp
    from pacs_bridge.wiring.pulling import build_pull

    pulled = build_pull(open_home(home))(pacs, set_name)
    counts = pulled.counts
    if json:
        print_json(pulled.as_json())
    else:
        for case in pulled.cases:
            for problem in case.problems:
                say(f"{case.accession}: {problem}")
        say(
            f"{pacs} holds {counts['found']} objects about {len(pulled.cases)} cases: "
            f"{counts['fetched']} fetched, {counts['had']} here already, "
            f"{counts['refused']} not taken, {counts['failed']} did not come."
        )
    if counts["unasked"]:
        raise GiveUp(
            f"{counts['unasked']} cases could not be asked about wholly; see why with "
            f"`pacs-bridge marks pull {pulled.pacs}`."
        )
    if counts["failed"]:
        raise GiveUp(
            f"{counts['failed']} objects did not come; look into the log of {pulled.pacs}."
        )
