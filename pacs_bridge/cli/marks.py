"""``pacs-bridge marks``: what readers said in DICOM objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.marks_claim import claim, unclaim
from pacs_bridge.cli.marks_pull import pull
from pacs_bridge.cli.terminal import Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from rich.console import Console

    from pacs_bridge.domain.marks import BreastDecision, Mark, Observer, ReadObject
    from pacs_bridge.domain.objects import ReceivedObject
    from pacs_bridge.services.claim_decisions import AskedOf
    from pacs_bridge.sr.site_words import SiteWords

app = typer.Typer()
app.command()(claim)
app.command()(unclaim)
app.command()(pull)

_COLUMNS = ("Shape", "Centre", "Image", "Breast", "Rating", "Finding", "Text", "Notes")


@app.callback()
def marks() -> None:
    """Marks of readers."""


@app.command("read")
def read(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…", help="Structured reports, presentation states, key objects."
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="DIR",
            help="Folder of the marked images: tells breast and view, checks what lies outside.",
            file_okay=False,
            exists=True,
        ),
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(
            "--words",
            metavar="FILE",
            help="TOML table of the site's short forms: findings, decisions, letters.",
            dir_okay=False,
            exists=True,
        ),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Decode marks and decisions out of DICOM files; needs no home, database or network.

    With --json one object a line. Ends with 1 when a file is no DICOM or is damaged.
    """
    from pacs_bridge.sr.files import images_in, read_file
    from pacs_bridge.sr.place import place_marks

    spoken = _site_words(words)
    known = None if images is None else images_in(images)
    every_file_was_read = True
    for file in files:
        found, readable = read_file(file, spoken, known.room if known else None)
        every_file_was_read = every_file_was_read and readable
        if known is not None:
            found = place_marks(found, known.placed, spoken)
        if json:
            print_json(found.as_json(str(file)))
        else:
            _show(str(file), found)
    if not every_file_was_read:
        raise typer.Exit(1)


def _site_words(path: Path | None) -> SiteWords:
    """The short forms of a site, out of its file."""
    import tomllib

    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.sr.site_words import NATIONAL, site_words

    if path is None:
        return NATIONAL
    try:
        return site_words(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RefusedInput(f"{path.name} is not valid TOML ({error}); mend that line.") from error


@app.command("list")
def list_arrived(
    home: Home = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many of the newest.")] = 200,
    *,
    json: Json = False,
) -> None:
    """List what arrived from the PACS, unclaimed objects first."""
    from rich.table import Table

    from pacs_bridge.services.claim_decisions import waiting_objects

    installation = open_home(home)
    with installation.read() as uow:
        objects = uow.objects.list_newest(limit)
    asked = {each.waiting.object_uid: each for each in waiting_objects(begin=installation.read)}
    if json:
        print_json(
            [
                {
                    "sop_instance_uid": each.sop_instance_uid,
                    "kind": each.kind,
                    "case": each.accession,
                    "reader": each.reader,
                    "pacs": each.caller.pacs,
                    "calling_ae": each.caller.ae_title,
                    "originator": each.originator.ae_title if each.originator else None,
                    "originator_message_id": (
                        each.originator.message_id if each.originator else None
                    ),
                    "received_at": each.received_at.isoformat(),
                    "state": each.state,
                    "reason": each.reason,
                    **_waiting(asked.get(each.sop_instance_uid)),
                }
                for each in objects
            ]
        )
        return
    table = Table("Received (UTC)", "PACS", "Case", "Reader", "Kind", "State", box=None)
    for each in objects:
        state = f"{each.state}: {each.reason}" if each.reason else each.state
        waits = asked.get(each.sop_instance_uid)
        if waits is not None:
            there = ", ".join(waits.reading_there)
            state += f" {there} said that they were reading then." if there else ""
        table.add_row(
            f"{each.received_at:%d %b %H:%M:%S}",
            _sender(each),
            each.accession or "several",
            each.reader or "nobody yet",
            each.kind.replace("-", " "),
            state,
        )
    if objects:
        console().print(table)
        for each in objects:
            if each.sop_instance_uid in asked:
                say(f"To decide: marks claim {each.sop_instance_uid} READER --because …")
    else:
        console().print("Nothing has arrived yet; ask the PACS to forward PR, SR and KO objects.")


def _sender(arrived: ReceivedObject) -> str:
    """Name the PACS, and who asked it for the object where it said so."""
    sender = arrived.caller.pacs or arrived.caller.ae_title
    return f"{sender}, asked by {arrived.originator.ae_title}" if arrived.originator else sender


def _waiting(asked: AskedOf | None) -> dict[str, object]:
    """What is known of an object that waits to be claimed, for programs."""
    if asked is None:
        return {"waits": False}
    return {
        "waits": True,
        "station": asked.waiting.station,
        "reading_there": list(asked.reading_there),
        "said": [
            {"saying": str(each.saying), "reader": each.reader, "at": each.at.isoformat()}
            for each in asked.said
        ],
    }


def _show(file: str, found: ReadObject) -> None:
    """Print one object for people: who, when, what was decided, and the marks."""
    from rich.text import Text

    # Text, never markup: what an object says must not steer the terminal.
    screen = console()
    screen.print(Text(file, style="bold"), Text(f" {found.kind}"))
    if _who(found.observer):
        screen.print(Text(f"  by {_who(found.observer)}"))
    if found.observed_at:
        screen.print(Text(f"  at {found.observed_at.isoformat(sep=' ')}"))
    _show_said(screen, found.breasts, found.marks)
    for share in found.others:
        screen.print(Text(f"  and in it, by {_who(share.observer) or 'somebody else'}"))
        _show_said(screen, share.breasts, share.marks)
    for sentence in _open_questions(found):
        screen.print(Text(f"  {sentence}", style="yellow"))


def _show_said(
    screen: Console, breasts: tuple[BreastDecision, ...], marks: tuple[Mark, ...]
) -> None:
    """Print what one person, or a device, says in an object."""
    from rich.table import Table
    from rich.text import Text

    for breast in breasts:
        rating = f", rating {breast.rating}" if breast.rating else ""
        density = f", density {breast.density}" if breast.density else ""
        side = {"R": "right", "L": "left"}[breast.laterality]
        screen.print(Text(f"  {side} breast: {breast.decision or 'no decision'}{rating}{density}"))
    if marks:
        rows = [_row(mark) for mark in marks]
        used = [column for column in range(len(_COLUMNS)) if any(row[column] for row in rows)]
        table = Table(*(_COLUMNS[column] for column in used))
        for row in rows:
            table.add_row(*(Text(row[column]) for column in used))
        screen.print(table)


def _open_questions(found: ReadObject) -> dict[str, None]:
    """What could not be read, and what readers will be asked of their marks; each once."""
    from pacs_bridge.domain.questions import ask, asking_flags
    from pacs_bridge.sr.unread import SENTENCES

    said: dict[str, None] = {}
    for mark in found.every_mark():
        said |= dict.fromkeys(SENTENCES[flag] for flag in mark.flags if flag in SENTENCES)
        question = ask(mark, asking_flags(mark))
        if question:
            said[f"The reader will be asked: {question}"] = None
    if found.refused:
        said = {each: None for each in said if each not in found.refused}
        said[found.refused] = None
    return said


def _who(who: Observer) -> str:
    names = list(dict.fromkeys(filter(None, (who.name, who.login, who.id))))
    return (", ".join(names) + (" (a device)" if who.device else "")).strip()


def _row(mark: Mark) -> list[str]:
    frame = f" frame {mark.frame}" if mark.frame else ""
    return [
        mark.shape,
        f"{mark.centre[0]:.1f}, {mark.centre[1]:.1f}" if mark.points else "",
        (f"…{mark.image[-8:]}" if len(mark.image) > 9 else mark.image) + frame,
        f"{mark.laterality or ''} {mark.view or ''}".strip(),
        str(mark.rating or ""),
        (mark.finding.meaning or mark.finding.value) if mark.finding else "",
        "; ".join(mark.text.splitlines())[:60],
        ", ".join(mark.flags),
    ]
