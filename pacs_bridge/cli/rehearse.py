"""`pacs-bridge rehearse PACS`: one synthetic case through the whole real path and away again."""

from __future__ import annotations

from typing import Annotated

import typer

from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say


def register(app: typer.Typer) -> None:
    """Put the command at the root."""
    app.command()(rehearse)


def rehearse(
    pacs: Annotated[
        str, typer.Argument(metavar="PACS", help="The PACS's name here.", show_default=False)
    ],
    wait: Annotated[
        float, typer.Option("--wait", help="Wait so many seconds for somebody's marks on it.")
    ] = 0.0,
    indexing: Annotated[
        float, typer.Option("--indexing", help="Seconds that the PACS has to find it.")
    ] = 60.0,
    marks: Annotated[
        bool | None,
        typer.Option(
            "--marks/--no-marks",
            help="Have a simulated reader's mark come back and be scored; else where the readers "
            "of this PACS do not read on the sheet. Needs `pacs-bridge run`.",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Send a PACS one synthetic case, find it, fetch it back, and have it leave again.

    Where readers mark in the PACS, a simulated reader's mark comes back and is scored, too.
    """
    from pacs_bridge.domain.errors import GiveUp
    from pacs_bridge.wiring.rehearse import build_rehearse

    done = build_rehearse(open_home(home))(pacs, wait=wait, indexing=indexing, marks=marks)
    if json:
        print_json(done.as_dict())
    else:
        for each in done.stages:
            say(f"{each.name}: {'yes' if each.works else 'no'}; {each.says}")
        if marks is None and done.good and all(each.name != "mark saved" for each in done.stages):
            say("mark saved: left out, since readers answer on our page; --marks tries it")
    if not done.good:
        failed = next(each for each in done.stages if not each.works)
        raise GiveUp(f"{done.pacs} failed at: {failed.name}. {failed.says}")
