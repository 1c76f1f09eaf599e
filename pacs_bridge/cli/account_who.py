"""`pacs-bridge account handshake` and `logins`: how it is known whose marks are whose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.services.handshake import HandshakeNow


def handshake(
    set_name: Annotated[
        str, typer.Argument(metavar="SET", help="The case set, by its prefix.", show_default=False)
    ],
    reader: Annotated[str, typer.Argument(help="The reader's scheme code.", show_default=False)],
    show: Annotated[
        bool, typer.Option("--show", help="Only tell how the newest one stands.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the open one: the reader reads on the sheet.")
    ] = False,
    minutes: Annotated[
        int, typer.Option("--minutes", min=1, max=600, help="How long it waits for the drawing.")
    ] = 20,
    home: Home = None,
    json: Json = False,
) -> None:
    """Ask a reader to draw marks on the practice case, which proves their viewer and log-in."""
    from datetime import timedelta

    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.services.handshake import give_up, issue_handshake, show_handshake

    if show and stop:
        raise RefusedInput("Choose one of --show and --stop.")
    installation = open_home(home)
    begin, now = installation.begin, installation.now
    if show:
        found = show_handshake(set_name, reader, begin=begin, now=now)
    elif stop:
        found = give_up(set_name, reader, begin=begin, now=now)
    else:
        found = issue_handshake(
            set_name, reader, begin=begin, now=now, open_for=timedelta(minutes=minutes)
        )
    if json:
        print_json(_plain(found))
        return
    for line in _told(found):
        say(line)


def logins(
    pacs: Annotated[str, typer.Argument(help="The PACS, by its name here.", show_default=False)],
    each: Annotated[
        str | None,
        typer.Option(
            "--readers",
            metavar="own|shared|unknown",
            help="Whether every reader there has a log-in of their own.",
            show_default=False,
        ),
    ] = None,
    share: Annotated[
        list[str] | None,
        typer.Option(
            "--shared", metavar="LOGIN", help="Several people work under it.", show_default=False
        ),
    ] = None,
    unshare: Annotated[
        list[str] | None,
        typer.Option(
            "--not-shared", metavar="LOGIN", help="Only one does, after all.", show_default=False
        ),
    ] = None,
    hint: Annotated[
        str | None,
        typer.Option(
            "--hint",
            metavar="WORDS",
            help="How to save in its viewer, told to readers of whom nothing arrives.",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Say, or tell, which log-ins of a PACS are one reader's and which are shared."""
    from pacs_bridge.services.logins import set_logins, show_logins

    installation = open_home(home)
    if each is None and hint is None and not share and not unshare:
        found = show_logins(pacs, begin=installation.read)
    else:
        found = set_logins(
            pacs,
            begin=installation.begin,
            now=installation.now,
            settle=installation.config.marks.settle,
            logins=each,
            hint=hint,
            share=share or (),
            unshare=unshare or (),
        )
    if json:
        from dataclasses import asdict

        print_json(asdict(found))
        return
    from rich.table import Table
    from rich.text import Text

    readers = {"own": "each an own one", "shared": "shared"}.get(found.logins, "not known")
    say(f"Log-ins of readers at {found.pacs}: {readers}.")
    if found.hint:
        say(f"How to save there: {found.hint}")
    table = Table("Log-in", "Reader", "Known from", box=None)
    for login, (reader, learned) in sorted(found.aliases.items()):
        if login not in found.shared:
            table.add_row(Text(login), reader, "a handshake" if learned else "the table")
    for login, because in sorted(found.shared.items()):
        table.add_row(Text(login), "nobody", f"shared: {because}")
    if table.row_count:
        console().print(table)


def _plain(found: HandshakeNow) -> dict[str, object]:
    shake = found.handshake
    return {
        "set": found.set_name,
        "reader": found.reader,
        "pacs": found.pacs,
        "case": found.accession,
        "way": found.way,
        "state": None if shake is None else str(shake.state),
        "task": found.task,
        "expires_at": None if shake is None else shake.expires_at.isoformat(),
        "said": list(found.said),
    }


def _told(found: HandshakeNow) -> list[str]:
    shake = found.handshake
    if shake is None:
        return [f"{found.reader} was not asked to draw anything for {found.set_name} yet."]
    if found.task:
        again = f"account handshake {found.set_name} {found.reader} --show"
        return [
            f"{found.reader} draws on case {found.accession} at {found.pacs}: {found.task}.",
            f"It waits until {shake.expires_at:%H:%M} UTC; `{again}` tells what came of it.",
        ]
    way = "on the sheet" if found.way == "sheet" else "in the viewer"
    state = str(shake.state)
    return [f"{found.reader}: {state}; reads {way}.", *found.said]
