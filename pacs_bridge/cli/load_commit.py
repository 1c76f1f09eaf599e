"""`pacs-bridge load commit`: ask a PACS to take custody of what it has taken of a set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.terminal import CopyNumber, Home, Json, open_home, print_json, say

if TYPE_CHECKING:
    from pacs_bridge.services.commitment import LoadCommitment
    from pacs_bridge.wiring.installation import Installation

SetPrefix = Annotated[
    str, typer.Argument(metavar="SET", help="The set's prefix.", show_default=False)
]
PacsName = Annotated[
    str, typer.Argument(metavar="PACS", help="The PACS's name here.", show_default=False)
]

_LISTEN_SECONDS = 5.0  # on our own association; later reports come to the node
_POLL_SECONDS = 0.25


def commit(
    set_name: SetPrefix,
    pacs: PacsName,
    wait: Annotated[
        float,
        typer.Option("--wait", help="Wait so many seconds for the report."),
    ] = _LISTEN_SECONDS,
    copy: CopyNumber = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Ask a PACS to commit to the images that it took; it may report minutes to days later."""
    from pacs_bridge.services.plan import find_load
    from pacs_bridge.wiring.commitment import ask_commitment

    installation = open_home(home)
    load = find_load(set_name, pacs, begin=installation.read, copy=copy)
    standing = ask_commitment(installation, load.load_id, min(wait, _LISTEN_SECONDS))
    standing = _wait(installation, standing, wait)
    _show(standing, json=json)
    _judge(standing)


def _wait(installation: Installation, standing: LoadCommitment, seconds: float) -> LoadCommitment:
    """Watch for reports that the node takes, until none is expected or the time is over."""
    import threading
    import time

    from pacs_bridge.services.commitment import commitment_of_load

    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not standing.is_settled and time.monotonic() < deadline:
        pause.wait(_POLL_SECONDS)
        standing = commitment_of_load(
            standing.load.load_id, begin=installation.read, now=installation.now
        )
    return standing


def _show(standing: LoadCommitment, *, json: bool) -> None:
    if json:
        print_json(standing.as_dict())
        return
    load = standing.load
    say(
        f"{load.pacs} has committed to {len(standing.committed)} of the {standing.total} images "
        f"of {load.set_name} that it took; {len(standing.failed)} it does not commit to, for "
        f"{len(standing.waiting)} its report is still to come."
    )
    from pacs_bridge.domain.commitment import words_of

    for uid, reason in sorted(standing.failed.items()):
        say(f"{uid}: {words_of(reason)}.")


def _judge(standing: LoadCommitment) -> None:
    """End with 1, and what to do, where not every image is committed to."""
    from pacs_bridge.domain.errors import GiveUp, RetryLater

    pacs = standing.load.pacs
    refused = standing.transactions and standing.transactions[-1].state.value == "refused"
    if refused:
        status = standing.transactions[-1].status or 0
        raise GiveUp(
            f"{pacs} refused to be asked (0x{status:04X}); it may not offer storage commitment: "
            "the load is proven by verification all the same."
        )
    if standing.failed or standing.not_mentioned:
        raise GiveUp(f"{pacs} does not commit to every image; ask its contact, then ask again.")
    if standing.waiting:
        raise RetryLater(
            f"{pacs} has not reported yet; keep `pacs-bridge run` running, and look again later."
        )
