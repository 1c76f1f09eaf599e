"""`pacs-bridge load`: send a case set into a PACS, and prove that it is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pacs_bridge.cli.load_accept import accept
from pacs_bridge.cli.load_check import check
from pacs_bridge.cli.load_commit import commit
from pacs_bridge.cli.load_copies import copies
from pacs_bridge.cli.load_fetch import fetch
from pacs_bridge.cli.load_withdraw import withdraw
from pacs_bridge.cli.terminal import CopyNumber, Home, Json, console, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.domain.loading import InstanceCounts, Load
    from pacs_bridge.services.plan import LoadStatus
    from pacs_bridge.wiring.installation import Installation

app = typer.Typer()
app.command()(fetch)
app.command()(copies)
app.command()(check)
app.command()(withdraw)
app.command()(commit)
app.command()(accept)

SetPrefix = Annotated[
    str, typer.Argument(metavar="SET", help="The set's prefix.", show_default=False)
]
PacsName = Annotated[
    str, typer.Argument(metavar="PACS", help="The PACS's name here.", show_default=False)
]

_POLL_SECONDS = 0.25


@app.command()
def start(
    set_name: SetPrefix,
    pacs: PacsName,
    wait: Annotated[
        float | None,
        typer.Option("--wait", help="Wait so many seconds until it is ready.", show_default=False),
    ] = None,
    by: Annotated[
        Literal["network", "media"] | None,
        typer.Option(
            help="How the images get there; of media nothing is sent, the PACS is asked until "
            "somebody has imported them.",
            show_default=False,
        ),
    ] = None,
    copy: CopyNumber = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Send a set into a PACS; start it again to send what is missing."""
    from pacs_bridge.domain.loading import Way
    from pacs_bridge.services.plan import load_status, start_load

    installation = open_home(home)
    way = None if by is None else Way(by)
    load = start_load(
        set_name, pacs, begin=installation.begin, now=installation.now, copy=copy, way=way
    )
    if wait is not None:
        status = _wait(installation, load.load_id, wait)
    else:
        status = load_status(load.load_id, begin=installation.read, now=installation.now)
    _show(status, json=json)
    if wait is not None and not _is_ready(status):
        from pacs_bridge.domain.errors import RetryLater

        raise RetryLater(
            f"{load.set_name} is not ready in {load.pacs} after {wait:g} s; it goes on while "
            "`pacs-bridge run` does: look again with `load status`."
        )


@app.command()
def status(
    set_name: Annotated[
        str | None, typer.Argument(metavar="[SET]", help="The set's prefix.", show_default=False)
    ] = None,
    pacs: Annotated[
        str | None,
        typer.Argument(metavar="[PACS]", help="The PACS's name here.", show_default=False),
    ] = None,
    copy: CopyNumber = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Tell how a load stands, case by case; without a PACS, how all loads stand."""
    from pacs_bridge.services.plan import find_load, load_status, load_statuses

    installation = open_home(home)
    read = installation.read
    if set_name is not None and pacs is not None:
        load = find_load(set_name, pacs, begin=read, copy=copy)
        _show(load_status(load.load_id, begin=read, now=installation.now), json=json)
        return
    statuses = load_statuses(begin=read, set_name=set_name, now=installation.now)
    if json:
        print_json([status.as_dict() for status in statuses])
    elif not statuses:
        say("Nothing was loaded yet; begin with `pacs-bridge load start SET PACS`.")
    else:
        _show_all(statuses)


@app.command()
def verify(
    set_name: SetPrefix,
    pacs: PacsName,
    copy: CopyNumber = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Ask the PACS now for every case of a set, and judge what it says."""
    from pacs_bridge.services.plan import find_load, load_status
    from pacs_bridge.services.verify import verify_load
    from pacs_bridge.wiring.checks import build_check
    from pacs_bridge.wiring.peers import build_peer

    installation = open_home(home)
    load = find_load(set_name, pacs, begin=installation.read, copy=copy)
    sweep = verify_load(
        load.load_id,
        begin=installation.begin,
        peer=build_peer(installation),
        now=installation.now,
        grace=installation.config.loading.grace_seconds,
        public_url=installation.config.web.public_url,
        look_at=build_check(installation),
    )
    status = load_status(load.load_id, begin=installation.read, now=installation.now)
    _show(status, json=json)
    if sweep.unanswered == len(status.cases):
        from pacs_bridge.domain.errors import RetryLater

        raise RetryLater(
            f"No case could be asked for; find out why with `pacs-bridge pacs echo {load.pacs}`."
        )


@app.command()
def pack(
    set_name: SetPrefix,
    pacs: PacsName,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where its files go.")],
    copy: CopyNumber = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Write the site pack: what the hospital needs for this set, to print and to paste."""
    from pacs_bridge.wiring.site_pack import write_pack

    files = write_pack(open_home(home), set_name, pacs, folder, copy=copy)
    if json:
        print_json([str(file) for file in files])
        return
    for file in files:
        say(str(file))


def _wait(installation: Installation, load_id: int, seconds: float) -> LoadStatus:
    """Watch a load until it is ready or the time is over, with a bar on stderr."""
    import threading
    import time

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from pacs_bridge.services.plan import load_status

    deadline, pause = time.monotonic() + seconds, threading.Event()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        sent, proven = progress.add_task("Sent", pace=""), progress.add_task("Proven", pace="")
        while True:
            status = load_status(load_id, begin=installation.read, now=installation.now)
            counts = status.instances
            pace = status.sending.pace.words if status.sending else ""
            progress.update(sent, total=counts.total, completed=counts.confirmed, pace=pace)
            progress.update(proven, total=len(status.cases), completed=_proven(status))
            if _is_ready(status) or time.monotonic() >= deadline:
                return status
            pause.wait(_POLL_SECONDS)


def _is_ready(status: LoadStatus) -> bool:
    return status.load.readiness.value == "ready"


def _proven(status: LoadStatus) -> int:
    return sum(case.complete.value == "proven" for case in status.cases)


def _show(status: LoadStatus, *, json: bool) -> None:
    if json:
        print_json(status.as_dict())
        return
    load, counts = status.load, status.instances
    say(
        f"{_name_of(load)} in {load.pacs}: {load.readiness.words}; "
        f"{counts.confirmed} of {counts.total} images sent ({counts.warned} with a warning, "
        f"{counts.failed} refused{_skipped(counts)}), {_proven(status)} of {len(status.cases)} "
        "cases proven."
    )
    if load.note:
        say(load.note)
    _show_sending(status)
    if status.intact is not None:
        say(f"{status.intact.grade.value}: {status.intact.sentence}")
    from rich.markup import escape
    from rich.table import Table

    table = Table("case", "complete", "findable", "near", "evidence", box=None)
    for case in status.cases:
        table.add_row(
            case.accession,
            case.complete.value,
            case.findable.value,
            case.near.words,
            escape(case.evidence),
        )
    console().print(table)
    from pacs_bridge.domain.alike import tell

    asked = tell(status.cases)
    if asked:
        say("\nTold of the cases:" if _is_ready(status) else "\nWhat to do:")
        for each in asked:
            say(f"\n{each}")
    if asked and not _is_ready(status):
        say("")
        _say_buttons(load)


def _say_buttons(load: Load) -> None:
    """Say what the buttons are here that sentences name; contacts have them on the page."""
    which = f"{load.set_name} {load.pacs}"
    copy = f" --copy {load.copy}" if load.copy else ""
    for button, command in (
        ("Check again", f"pacs-bridge load verify {which}{copy}"),
        ("Start again", f"pacs-bridge load start {which}{copy}"),
        ("Accept the names", f"pacs-bridge load accept {which} --all{copy}"),
        ("Site pack", f"pacs-bridge load pack {which} DIR{copy}"),
    ):
        say(f"{button}: `{command}`")


def _name_of(load: Load) -> str:
    return f"{load.set_name} copy {load.copy:02d}" if load.copy else load.set_name


def _skipped(counts: InstanceCounts) -> str:
    return f", {counts.skipped} unsupported there" if counts.skipped else ""


def _show_sending(status: LoadStatus) -> None:
    sending = status.sending
    if sending is None:
        return
    told = [sending.pace.words and f"Sending: {sending.pace.words}.", sending.committed]
    if sending.skipped != status.load.note:
        told.append(sending.skipped)
    for sentence in filter(None, told):
        say(sentence)


def _show_all(statuses: list[LoadStatus]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("set", "PACS", "readiness", "images sent", "cases proven", "note", box=None)
    for status in statuses:
        counts = status.instances
        table.add_row(
            _name_of(status.load),
            status.load.pacs,
            status.load.readiness.words,
            f"{counts.confirmed} of {counts.total}",
            f"{_proven(status)} of {len(status.cases)}",
            escape(status.load.note),
        )
    console().print(table)
