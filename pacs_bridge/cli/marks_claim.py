"""`pacs-bridge marks claim` and `unclaim`: an administrator says whose an object is."""

from __future__ import annotations

from typing import Annotated

import typer

from pacs_bridge.cli.terminal import Home, open_home, say

ObjectUid = Annotated[
    str,
    typer.Argument(
        metavar="OBJECT", help="Its SOP Instance UID, as `marks list` shows it.", show_default=False
    ),
]
Because = Annotated[
    str, typer.Option("--because", help="Why; kept with the decision.", show_default=False)
]


def claim(
    object_uid: ObjectUid,
    reader: Annotated[str, typer.Argument(help="The reader's scheme code.", show_default=False)],
    because: Because,
    home: Home = None,
) -> None:
    """Give an object to a reader; readings that it leaves or enters are revised."""
    _decide(object_uid, reader, because, home)
    say(f"It is {reader}'s, and is being looked into anew.")


def unclaim(object_uid: ObjectUid, because: Because, home: Home = None) -> None:
    """Take an object from whoever has claimed it: it waits to be claimed again."""
    _decide(object_uid, None, because, home)
    say("It is nobody's again, unless it names its reader itself; the readers are asked.")


def _decide(object_uid: str, reader: str | None, because: str, home: Home) -> None:
    from pacs_bridge.services.claim_decisions import decide_claim

    installation = open_home(home)
    decide_claim(
        object_uid,
        reader,
        because=because,
        begin=installation.begin,
        now=installation.now,
        settle=installation.config.marks.settle,
    )
