"""`pacs-bridge load copies`: a copy of a set for each reader, agreed to before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.domain.reader_copies import CopiesPlan


def copies(
    set_name: Annotated[
        str, typer.Argument(metavar="SET", help="The set's prefix.", show_default=False)
    ],
    pacs: Annotated[
        str, typer.Argument(metavar="PACS", help="The PACS's name here.", show_default=False)
    ],
    agree: Annotated[
        bool,
        typer.Option(
            "--agree", help="Agree to the disk space that is shown: the copies are made and sent."
        ),
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Show which reader gets which copy and what that takes at the PACS; send with --agree."""
    from pacs_bridge.services.reader_copies import agree_copies, plan_copies

    installation = open_home(home)
    plan = plan_copies(set_name, pacs, begin=installation.read)
    if agree:
        plan = agree_copies(
            set_name, pacs, plan.to_agree, begin=installation.begin, now=installation.now
        )
    if json:
        print_json(plan.as_dict())
        return
    _show(plan)


def _show(plan: CopiesPlan) -> None:
    from rich.table import Table

    from pacs_bridge.domain.reader_copies import name_in_copy, told_size

    if not plan.copies:
        say(
            f"Nobody at {plan.pacs} is enrolled to read {plan.set_name} in its viewer; enrol "
            "readers first with `account enrol`."
        )
    else:
        table = Table(
            "reader", "copy", "its last case", "images", "takes there", "agreed", "load", box=None
        )
        for each in plan.copies:
            table.add_row(
                each.reader,
                f"{each.copy:02d}",
                name_in_copy(plan.example, each.copy),
                str(each.images),
                told_size(each.size),
                "yes" if each.agreed else "not yet",
                each.readiness or "-",
            )
        console().print(table)
        say(
            f"Together they take {told_size(plan.size)} at {plan.pacs}"
            + (f", {told_size(plan.to_agree)} of it not agreed to yet." if plan.to_agree else ".")
        )
    for reader in plan.staying:
        say(f"{reader} has begun on the master and goes on there.")
    if plan.failure:
        say(f"They could not be made: {plan.failure}")
    if plan.to_agree:
        say(
            "Nothing is sent before somebody agrees: "
            f"`pacs-bridge load copies {plan.set_name} {plan.pacs} --agree`."
        )
    elif plan.copies and any(not each.readiness for each in plan.copies):
        say("They are being made, and sent while `pacs-bridge run` does; look again soon.")
