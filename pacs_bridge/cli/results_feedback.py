"""``results feedback``: the truth of a closed round as objects for viewers, here or on a PACS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.wiring.installation import Installation


def feedback(
    set_name: Annotated[str, typer.Argument(metavar="SET", help="Prefix, such as PERFORMS121.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Write into this folder; sends nothing.")
    ] = None,
    reader: Annotated[
        str, typer.Option(metavar="CODE", help="Put this reader's marks beside the truth.")
    ] = "",
    send: Annotated[
        str, typer.Option("--send", metavar="PACS", help="Put it on this PACS, until it goes.")
    ] = "",
    until: Annotated[
        str, typer.Option(metavar="DAY", help="By when it goes again; else with the set. UTC.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what --send would do, and do nothing.")
    ] = False,
    withdraw: Annotated[
        str, typer.Option("--withdraw", metavar="PACS", help="Take it away from this PACS now.")
    ] = "",
    home: Home = None,
    json: Json = False,
) -> None:
    """Show the truth of a closed round in viewers; without more words, list where it stands."""
    from pacs_bridge.domain.errors import RefusedInput

    if sum(map(bool, (folder, send, withdraw))) > 1 or ((until or dry_run) and not send):
        raise RefusedInput(
            "Give one of a folder, --send PACS and --withdraw PACS; --until and --dry-run go with "
            "--send."
        )
    installation = open_home(home)
    if folder is not None:
        _write(installation, set_name, folder, reader, json=json)
    elif dry_run:
        _say_what(installation, set_name, reader, send, json=json)
    elif send:
        _ask(installation, set_name, reader, send, until, json=json)
    elif withdraw:
        _take_away(installation, set_name, reader, withdraw, json=json)
    else:
        _list(installation, set_name, json=json)


def _write(
    installation: Installation, set_name: str, folder: Path, reader: str, *, json: bool
) -> None:
    from pacs_bridge.domain.identifiers import SetName
    from pacs_bridge.services.feedback import write_feedback
    from pacs_bridge.wiring.case_sets import UID_KEY

    written = write_feedback(
        SetName.parse(set_name),
        folder,
        reader=reader,
        read=installation.read,
        archive=installation.archive,
        key_uid=installation.config.secret(UID_KEY),
        now=installation.now,
    )
    if json:
        print_json({"set": set_name, "written": [str(path) for path in written]})
        return
    say(f"{len(written)} objects written.")


def _say_what(
    installation: Installation, set_name: str, reader: str, pacs: str, *, json: bool
) -> None:
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.wiring.case_sets import UID_KEY
    from pacs_bridge.wiring.feedback import build_offer

    offer = build_offer(installation)(
        set_name, reader, pacs=pacs, key_uid=installation.config.secret(UID_KEY)
    )
    if json:
        print_json(offer.as_dict())
    if offer.why:
        raise RefusedInput(offer.why)
    if not json and offer.until is not None:
        say(
            f"{offer.objects} objects about {offer.cases} cases would go to {offer.pacs}, "
            f"and be gone by {offer.until:%d %B %Y}. {offer.seen_by()} Nothing was sent."
        )


def _ask(
    installation: Installation, set_name: str, reader: str, pacs: str, until: str, *, json: bool
) -> None:
    from pacs_bridge.services.people import parse_moment
    from pacs_bridge.wiring.feedback import build_ask

    last = parse_moment(until) if until else None
    asked = build_ask(installation)(set_name, reader, pacs=pacs, until=last)
    now = installation.now()
    if json:
        print_json(asked.as_dict(now))
        return
    say(f"{asked.set_name} on {asked.pacs}, {asked.shows()}: {asked.sentence(now)}")


def _take_away(
    installation: Installation, set_name: str, reader: str, pacs: str, *, json: bool
) -> None:
    from pacs_bridge.domain.errors import NotFound
    from pacs_bridge.services.show_feedback import list_feedback, list_what_goes
    from pacs_bridge.wiring.feedback import build_take_away

    take_away = build_take_away(installation)
    going = [
        take_away(each.feedback_id)
        for each in list_feedback(set_name, read=installation.read)
        if each.pacs == pacs and not each.ended and reader in ("", each.reader)
    ]
    if not going:
        raise NotFound(f"No truth of {set_name} stands on {pacs}; the list shows where it does.")
    now = installation.now()
    lists = {
        each.feedback_id: list_what_goes(each.feedback_id, read=installation.read) for each in going
    }
    if json:
        told = [{**each.as_dict(now), "list": lists[each.feedback_id]} for each in going]
        print_json({"set": set_name, "feedback": told})
        return
    for each in going:
        say(f"{each.set_name} on {each.pacs}, {each.shows()}: {each.sentence(now)}")
        say(lists[each.feedback_id].rstrip())


def _list(installation: Installation, set_name: str, *, json: bool) -> None:
    from rich.table import Table

    from pacs_bridge.cli.terminal import console
    from pacs_bridge.services.show_feedback import list_feedback

    found, now = list_feedback(set_name, read=installation.read), installation.now()
    if json:
        print_json({"set": set_name, "feedback": [each.as_dict(now) for each in found]})
        return
    if not found:
        say(f"The truth of {set_name} was put on no PACS.")
        return
    table = Table("PACS", "Shows", "State", "Goes by", "In words", title=f"Truth of {set_name}")
    for each in found:
        state = each.state(now)
        by = f"{each.withdrawal.due_at:%Y-%m-%d}"
        colour = "red" if state.value == "late" else ""
        table.add_row(each.pacs, each.shows(), state.value, by, each.sentence(now), style=colour)
    console().print(table)
