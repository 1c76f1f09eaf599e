"""`pacs-bridge pacs isolation`: how a PACS keeps readers apart, and the steps that prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacs_bridge.cli.pacs_options import Name
from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.services.isolation import IsolationNow


def isolation(
    name: Name,
    prove: Annotated[
        bool,
        typer.Option("--prove", help="Ask the PACS now, and keep what that proves."),
    ] = False,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help="With --prove, in mode sequential: have the marks on the practice case removed "
            "by a rejection note first.",
        ),
    ] = False,
    seen_by: Annotated[
        str | None,
        typer.Option(
            "--seen-by",
            metavar="READER",
            help="The second reader, who opened the practice case under their own log-in.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[str, typer.Option("--at", metavar="WORKSTATION", help="Where that was.")] = "",
    word: Annotated[
        str, typer.Option("--word", help="The word printed on one image of the practice case.")
    ] = "",
    saw: Annotated[
        str, typer.Option("--saw", help="What showed of other readers: none or marks.")
    ] = "none",
    take_back: Annotated[
        str | None,
        typer.Option(
            "--take-back",
            metavar="WHY",
            help="Take the proof back; readers read on our pages until it is proven anew.",
            show_default=False,
        ),
    ] = None,
    set_name: Annotated[
        str, typer.Option("--set", metavar="SET", help="On this set; else the newest there.")
    ] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """Show whether a PACS is proven to keep readers apart, and prove it step by step.

    Until it is proven, readers there put their marks on our pages.
    """
    installation = open_home(home)
    from pacs_bridge.services import isolation as service
    from pacs_bridge.wiring.isolation import build_ask, build_reject

    ports: dict[str, Any] = {"begin": installation.begin, "now": installation.now}
    if saw not in ("none", "marks"):
        raise typer.BadParameter("--saw is none or marks")
    if take_back is not None:
        found = service.take_back(name, take_back, **ports)
    elif seen_by is not None:
        found = service.say_what_was_seen(
            name, seen_by, at, typed=word, saw_none=saw == "none", set_name=set_name, **ports
        )
    elif prove:
        reject = build_reject(installation) if remove else None
        found = build_ask(installation)(name, set_name=set_name, reject=reject)
    else:
        found = service.show_isolation(name, set_name=set_name, **ports)
    if json:
        print_json(found.as_dict())
    else:
        _tell(found)


def _tell(found: IsolationNow) -> None:
    """Say how it stands, what was asked, and what to do next."""
    from rich.markup import escape
    from rich.table import Table

    from pacs_bridge.domain.isolation import MODES, say_age

    standing = found.standing
    if found.facts:
        table = Table("tried", "works", "detail", box=None)
        words = {True: "yes", False: "no", None: "not known"}
        for fact in found.facts:
            table.add_row(escape(fact.what), words[fact.works], escape(fact.detail))
        console().print(table)
    say(f"{found.pacs} is registered as {standing.claimed.value}: {MODES[standing.claimed]}.")
    age = standing.age(found.at)
    proven = "" if age is None else f", proven {say_age(age)}"
    if standing.is_proven:
        say(f"Readers follow that{proven}." if age is not None else "There is nothing to prove.")
    else:
        say(f"Readers follow {standing.effective.value}: {standing.why}")
    if found.next:
        say(f"Next: {found.next}")
    if found.guarded_at is not None:
        body = found.guarded
        say(
            f"Beside our images at {found.guarded_at:%d %B %H:%M}: {body['seen']} objects, "
            f"{body['unclear']} of them nobody's, {body['unasked']} cases not asked about; "
            f"readings exposed: {found.exposed}."
        )
