"""`pacs-bridge load fetch`: have a case back from a PACS, and see whether it is intact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacs_bridge.cli.terminal import Home, Json, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.domain.retrieving import Retrieved

Accession = Annotated[
    str, typer.Argument(metavar="CASE", help="Its accession number.", show_default=False)
]
PacsName = Annotated[
    str, typer.Argument(metavar="PACS", help="The PACS's name here.", show_default=False)
]


def fetch(
    case: Accession,
    pacs: PacsName,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Where the files go (C-GET).", show_default=False),
    ] = None,
    move: Annotated[
        bool,
        typer.Option("--move", help="Have it sent to our node instead (C-MOVE); needs no DIR."),
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Have a case back from a PACS, and compare each image with the one that was sent."""
    if move == (folder is not None):
        raise typer.BadParameter("name a folder for the files, or give --move")
    if folder is None:
        _move(case, pacs, home, json=json)
    else:
        _get(case, pacs, folder, home, json=json)


def _get(case: str, pacs: str, folder: Path, home: Path | None, *, json: bool) -> None:
    from pacs_bridge.domain.errors import GiveUp
    from pacs_bridge.services.fetch import fetch_case
    from pacs_bridge.wiring.peers import build_retriever

    installation = open_home(home)
    got = fetch_case(
        pacs,
        case,
        folder,
        read=installation.read,
        peer=build_retriever(installation),
        archive=installation.archive,
    )
    if json:
        print_json(
            {
                "case": case,
                "intact": got.is_intact,
                "images": {uid: state.value for uid, state in got.states.items()},
                "others": got.others,
                "answers": [_plain(each) for each in got.retrieved],
            }
        )
    else:
        counts = {state: list(got.states.values()).count(state) for state in got.states.values()}
        said = ", ".join(f"{count} {state.value}" for state, count in counts.items())
        say(f"{case} from {pacs}: {said}.")
    if not got.is_intact:
        raise GiveUp(f"{case} did not come back as it was sent; ask the PACS contact why.")


def _move(case: str, pacs: str, home: Path | None, *, json: bool) -> None:
    from pacs_bridge.domain.errors import GiveUp
    from pacs_bridge.services.fetch import move_case
    from pacs_bridge.wiring.peers import build_retriever

    installation = open_home(home)
    moved = move_case(pacs, case, read=installation.read, peer=build_retriever(installation))
    if json:
        print_json({"case": case, "answers": [_plain(each) for each in moved]})
    else:
        for each in moved:
            say(
                f"{pacs} answered 0x{each.status:04X}: {each.counted.completed or 0} sent, "
                f"{each.counted.failed or 0} failed."
            )
    if any(each.status == 0xA801 for each in moved):
        raise GiveUp(f"{pacs} does not know our AE title with our address; have it added there.")
    if any(each.status != 0x0000 for each in moved):
        raise GiveUp(f"{pacs} did not send all of {case}; look into its log.")


def _plain(retrieved: Retrieved) -> dict[str, Any]:
    counted = retrieved.counted
    return {
        "status": f"{retrieved.status:04X}",
        "comment": retrieved.comment,
        "completed": counted.completed,
        "failed": counted.failed,
        "warning": counted.warning,
        "remaining": counted.remaining,
        "failed_uids": list(retrieved.failed),
        "arrived": len(retrieved.arrived),
    }
