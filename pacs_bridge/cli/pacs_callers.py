"""`pacs-bridge pacs adopt` and `forget`: callers that are no PACS of ours yet, or no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.wiring.installation import Installation

_BY = "command line"


def adopt(
    caller: Annotated[
        str | None,
        typer.Argument(
            metavar="AET@ADDRESS",
            help="The caller to make known; without it, lists those that were rejected.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        str,
        typer.Option(
            "--into",
            help="The PACS that it belongs to; else a new one, named after it.",
            show_default=False,
        ),
    ] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """Let a caller in that was rejected as unknown, just as it called: plain, or with its TLS."""
    from pacs_bridge.services.adopt import adopt_caller

    installation = open_home(home)
    if caller is None:
        _list(installation, json=json)
        return
    ae_title, address = _parts(caller)
    done = adopt_caller(
        ae_title,
        address,
        into=into,
        by=_BY,
        our_ae_title=installation.config.node.ae_title,
        begin=installation.begin,
        now=installation.now,
    )
    if json:
        print_json(
            {
                "pacs": done.pacs,
                "ae_title": done.ae_title,
                "address": done.address,
                "tls": done.tls,
                "new": done.is_new,
            }
        )
        return
    how = "over TLS, with that certificate only" if done.tls else "unencrypted"
    say(
        f"{done.ae_title} may call from {done.address}, {how}, as {done.pacs}. "
        f"To undo: `pacs-bridge pacs forget {done.ae_title}@{done.address}`."
    )


def forget(
    caller: Annotated[
        str,
        typer.Argument(metavar="AET@ADDRESS", help="The caller to forget.", show_default=False),
    ],
    home: Home = None,
    json: Json = False,
) -> None:
    """Let a caller in no longer; its PACS goes too, where that was all of it."""
    from pacs_bridge.services.adopt import forget_caller

    installation = open_home(home)
    ae_title, address = _parts(caller)
    name = forget_caller(ae_title, address, by=_BY, begin=installation.begin, now=installation.now)
    if json:
        print_json({"pacs": name, "ae_title": ae_title, "address": address})
    else:
        say(f"{ae_title} may call from {address} no longer.")


def _parts(caller: str) -> tuple[str, str]:
    from pacs_bridge.domain.errors import RefusedInput

    ae_title, at, address = caller.partition("@")
    if not at:
        raise RefusedInput("Say which caller as AET@ADDRESS; `pacs-bridge pacs adopt` lists them.")
    return ae_title.strip(), address.strip()


def _list(installation: Installation, *, json: bool) -> None:
    unknown = installation.watch.unknown_callers()
    if json:
        print_json(
            [
                {
                    "ae_title": each.ae_title,
                    "address": each.address,
                    "called": each.called,
                    "tls": each.tls,
                    "times": each.times,
                    "last_at": each.last_at.isoformat(),
                }
                for each in unknown
            ]
        )
        return
    if not unknown:
        say("Nobody unknown has called.")
        return
    from rich.table import Table

    table = Table("caller", "called us", "TLS", "times", "last", box=None)
    for each in unknown:
        table.add_row(
            f"{each.ae_title}@{each.address}",
            each.called,
            "yes" if each.tls else "plain",
            str(each.times),
            f"{each.last_at:%Y-%m-%d %H:%M:%S} UTC",
        )
    console().print(table)
