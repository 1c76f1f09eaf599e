"""`pacs-bridge load withdraw`: have a set leave a PACS again, and prove that it has gone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pacs_bridge.cli.terminal import CopyNumber, Home, Json, open_home, print_json, say


def withdraw(
    set_name: Annotated[
        str, typer.Argument(metavar="SET", help="The set's prefix.", show_default=False)
    ],
    pacs: Annotated[
        str, typer.Argument(metavar="PACS", help="The PACS's name here.", show_default=False)
    ],
    notes: Annotated[
        bool | None,
        typer.Option(
            "--notes/--no-notes",
            help="Send rejection notes (IOCM); else where this PACS was seen to act on them.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Write the list of what must go there.", show_default=False),
    ] = None,
    copy: CopyNumber = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Have a set leave a PACS; do it again to ask whether it has gone."""
    from pacs_bridge.domain.errors import RefusedInput, RetryLater
    from pacs_bridge.domain.withdrawal import places
    from pacs_bridge.services.plan import find_load
    from pacs_bridge.wiring.checks import build_withdraw

    installation = open_home(home)
    load = find_load(set_name, pacs, begin=installation.read, copy=copy)
    done = build_withdraw(installation)(load.load_id, notes=notes)
    if csv is not None:
        try:
            csv.write_text(done.csv, encoding="utf-8", newline="")
        except OSError:
            raise RefusedInput(f"{csv.name} cannot be written; name another file.") from None
    if json:
        print_json(done.as_dict())
    withdrawal = done.withdrawal
    if withdrawal.gone_at is not None:
        if not json:
            say(withdrawal.sentence(done.at))
        return
    if not json:
        for line in places():
            say(line)
        say(done.csv.rstrip())
    raise RetryLater(withdrawal.sentence(done.at))
