"""How the demo's contact proves that the hospital's viewer keeps readers apart.

As a user would: one reader draws on the practice case, the PACS is asked, a second reader opens
the case under their own log-in, and the contact says what showed, with the word on the image.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_bridge.domain.errors import PeerUnavailable

if TYPE_CHECKING:
    from pacs_bridge.cli.demo.processes import HospitalPacs, ReaderAtViewer
    from pacs_bridge.wiring.installation import Installation

WORKSTATION = "The demo's viewer"
_SECONDS, _POLL = 120.0, 0.1


def prove_apart(
    installation: Installation,
    hospital: HospitalPacs,
    first: ReaderAtViewer,
    second: ReaderAtViewer,
    set_name: str,
    pacs: str,
    truth: Path,
) -> bool:
    """Prove it on the practice case; gives whether readers may read in their viewers.

    Raises
    ------
    PeerUnavailable
        When the first reader's mark does not come back.
    """
    from pacs_bridge.domain.workstation import case_to_open
    from pacs_bridge.sandbox.reader_set import AE_TITLE, read_set
    from pacs_bridge.sandbox.viewer import Viewer
    from pacs_bridge.services.isolation import say_what_was_seen
    from pacs_bridge.wiring.isolation import build_ask

    with installation.read() as uow:
        case = case_to_open(uow.case_sets.get(set_name))
    at = (hospital.ae_title, hospital.host, hospital.port)
    kind, skill = first.kind, first.skill
    read_set(*at, set_name, truth, first.login, kind, skill, cases=(case.number,))  # type: ignore[arg-type]  # one of its words
    _await_mark(installation, pacs, case.accession)
    build_ask(installation)(pacs, set_name=set_name)
    with Viewer(second.login, AE_TITLE, *at) as viewer:
        shown = viewer.open_case(case.accession)
    found = say_what_was_seen(
        pacs,
        second.code,
        WORKSTATION,
        typed=case.word,
        saw_none=not shown.states,
        set_name=set_name,
        begin=installation.begin,
        now=installation.now,
    )
    return found.standing.is_proven


def _await_mark(installation: Installation, pacs: str, accession: str) -> None:
    deadline, pause = time.monotonic() + _SECONDS, threading.Event()
    while time.monotonic() < deadline:
        with installation.read() as uow:
            if any(each.reader for each in uow.sightings.came(pacs, [accession])):
                return
        pause.wait(_POLL)
    raise PeerUnavailable("the PACS", "answer", "the mark on the practice case did not come back")
