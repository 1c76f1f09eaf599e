"""`pacs-bridge pacs turns`: whose turn it is where one reader reads at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.pacs_options import Name
from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.services.turns import TurnsNow


def turns(
    name: Name,
    set_name: Annotated[str, typer.Argument(metavar="SET", help="The case set's prefix.")],
    hand_on: Annotated[
        bool,
        typer.Option("--hand-on", help="End the present turn, so that the next reader may begin."),
    ] = False,
    hand_on_to: Annotated[
        str,
        typer.Option(
            "--hand-on-to",
            metavar="READER",
            help="End the present turn, and let this reader be next, also for another turn.",
            show_default=False,
        ),
    ] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """Show whose turn it is to read a set at a PACS, who waits, and what is left of the last.

    The next reader begins once the PACS, asked, has none of the marks.
    """
    from pacs_bridge.services import turns as service

    installation = open_home(home)
    if hand_on or hand_on_to:
        found = service.hand_on(
            name, set_name, to=hand_on_to, begin=installation.begin, now=installation.now
        )
    else:
        found = service.show_turns(name, set_name, begin=installation.read)
    if json:
        print_json(found.as_dict())
    else:
        _tell(found)


def _tell(found: TurnsNow) -> None:
    """Say it in a few lines."""
    turn = found.turn
    if turn is None:
        say(f"Nobody has the turn to read {found.set_name} at {found.pacs} just now.")
    elif turn.ended_at is None:
        say(f"{turn.reader} reads {found.set_name} at {found.pacs} since {turn.since:%d %B %H:%M}.")
    else:
        say(f"{turn.reader} has finished at {turn.ended_at:%d %B %H:%M}; what was saved must go.")
        for accession, words in turn.left.items():
            say(f"  {accession}: {words}")
    if found.waiting:
        named = f"; {found.named} was named to be next" if found.named else ""
        say(f"Waiting: {', '.join(found.waiting)}{named}")
    if found.read:
        say(f"Had their turn: {', '.join(found.read)}")
