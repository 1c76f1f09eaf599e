"""`pacs-bridge pacs exposed`: readings that others may have led, and taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacs_bridge.cli.pacs_options import Name
from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.services.exposure_lift import ExposedNow


def exposed(
    name: Name,
    set_name: Annotated[
        str, typer.Option("--set", metavar="SET", help="Of this set; else the newest there.")
    ] = "",
    lift: Annotated[
        str,
        typer.Option(
            "--lift",
            metavar="READING",
            help="State that this reading was marked wrongly, such as PERFORMS121101-R001.",
            show_default=False,
        ),
    ] = "",
    because: Annotated[
        str, typer.Option("--because", metavar="WHY", help="With --lift: why; it is kept.")
    ] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """List readings that are marked as exposed at a PACS, and take a wrong mark back.

    A reading that counts again goes out anew, and results follow. What comes later marks it anew.
    """
    from pacs_bridge.services import exposure_lift as service

    installation = open_home(home)
    ports: dict[str, Any] = {"begin": installation.begin, "now": installation.now}
    if lift:
        found = service.lift_exposure(name, lift, because, **ports)
    else:
        found = service.list_exposed(name, begin=installation.read, set_name=set_name)
    if json:
        print_json(found.as_dict())
    else:
        _tell(found)


def _tell(found: ExposedNow) -> None:
    """Say it in a few lines."""
    if not found.exposed:
        say(f"No reading of {found.set_name or 'a set'} is marked as exposed at {found.pacs}.")
    for each in found.exposed:
        named = ", ".join(each.objects)
        say(f"{each.reading_uid}, since {each.at:%d %B %H:%M}: {named}")
    for lift in found.lifted:
        say(f"{lift.reading_uid}: taken back at {lift.at:%d %B %H:%M}: {lift.because}")
