"""The way of a mark, rehearsed: saved into the PACS, back through our node, read and scored.

What a simulated reader draws on the synthetic case takes the path of every reader's marks, under
a reader's code and a truth of its own, so that it stands in nobody's results. What the rehearsal
before left of it is forgotten each time.

References
----------
QUIRKS.md C13, C7.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from pydicom import Dataset, dcmread

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.deid.part10 import write_part10
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.errors import GiveUp, PeerUnavailable
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.marks import BreastDecision, Laterality, Mark
from pacs_bridge.domain.objects import ReadingState
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Archive, Clock, PacsPeer, Sendable
from pacs_bridge.domain.retrieving import Asked, Retriever
from pacs_bridge.sr.codes import MASS
from pacs_bridge.sr.write import derive_uid, group_by_size, write_gsps

READER = "REHEARSAL"
"""Code of the reader that does not exist."""

LOGIN = "rehearsal-reader"
"""The log-in under which it draws, in every PACS."""

ARRIVAL = 30.0
"""Seconds that a PACS is given to forward what a reader has saved."""

SCORING = 60.0
"""Seconds that reading and scoring may take, beside the time of settling."""

_POLL = 0.2
_EXPLICIT = "1.2.840.10008.1.2.1"
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Marking:
    """How a mark is rehearsed.

    Parameters
    ----------
    settle : float
        Seconds of silence after which a reading closes.
    arrival : float
        Seconds that the PACS has to forward it.
    scoring : float
        Seconds that the rest may take.
    """

    settle: float
    arrival: float = ARRIVAL
    scoring: float = SCORING


@dataclass(frozen=True)
class Drawn:
    """What the simulated reader has saved."""

    object_uid: str
    series_uid: str
    reading_uid: str
    at: datetime


def save_mark(
    pacs: Pacs, passport: Passport, *, begin: Begin, peer: PacsPeer, archive: Archive, now: Clock
) -> Drawn:
    """Have the simulated reader draw on the case, and save it into the PACS.

    Raises
    ------
    GiveUp
        When the PACS takes no presentation state.
    PeerUnavailable
        When it could not be called.
    """
    (case,) = passport.cases
    moment = now()
    uid, series = (derive_uid(part, pacs.name, moment) for part in ("rehearsed", "in series"))
    drawn = Drawn(uid, series, f"{CaseName.parse(case.accession)}-{READER}", moment)
    with begin() as uow:
        if not uow.readers.exists(READER):
            uow.readers.add(READER, moment)
        uow.readers.set_alias(pacs.name, LOGIN, READER)
        uow.proofs.forget_marks(drawn.reading_uid, case.accession)
    ds = _draw(case, archive, drawn)
    with TemporaryDirectory(prefix="rehearsal-") as folder:
        path = Path(folder) / "mark.dcm"
        path.write_bytes(write_part10(ds, _EXPLICIT))
        sendable = Sendable(path, str(ds.SOPClassUID), uid, _EXPLICIT)
        (answer,) = peer.store(pacs, [sendable])
    if not answer.stored:
        raise GiveUp(
            f"The PACS took no presentation state (0x{answer.status:04X} {answer.comment}): have "
            "it store them, or let its readers use the sheet."
        )
    return drawn


def await_mark(
    drawn: Drawn,
    pacs: Pacs,
    passport: Passport,
    *,
    begin: Begin,
    retriever: Retriever,
    seconds: float,
) -> str:
    """Wait until what was saved comes to our node, by the PACS' rule, else by C-MOVE.

    Raises
    ------
    GiveUp
        When it does not come.
    """
    if _wait(lambda: _came(drawn, begin), seconds):
        return "forwarded by the PACS as soon as it was saved"
    (case,) = passport.cases[:1]
    (study,) = case.studies
    asked = Asked(study.study_instance_uid, drawn.series_uid, (drawn.object_uid,), case.patient_id)
    try:
        retriever.move(pacs, asked)
    except (GiveUp, PeerUnavailable):
        pass  # whether it came is all that counts
    if _wait(lambda: _came(drawn, begin), min(seconds, ARRIVAL)):
        return "not forwarded, but sent to us by C-MOVE; ask for a forwarding rule (site pack)"
    raise GiveUp(
        "The PACS keeps what readers save to itself: have presentation states, reports and key "
        f"objects of {passport.set_name[:-3]}* forwarded to {pacs.our_ae_title}, as the site pack "
        "says, and see that our node runs."
    )


def await_score(drawn: Drawn, *, begin: Begin, seconds: float) -> str:
    """Wait until the reading is scored.

    Raises
    ------
    GiveUp
        When it is not, with how far it came.
    """
    state = _wait(lambda: _scored(drawn, begin), seconds)
    if state is None:
        raise GiveUp(
            f"It was not scored within {seconds:g} s ({_how_far(drawn, begin)}): see that the "
            "jobs run, and what `pacs-bridge doctor` says of the scorer."
        )
    return f"read, settled and scored (revision {state.revision})"


def _came(drawn: Drawn, begin: Begin) -> bool:
    with begin() as uow:
        return uow.objects.find(drawn.object_uid) is not None


def _scored(drawn: Drawn, begin: Begin) -> ReadingState | None:
    with begin() as uow:
        state = uow.readings.find(drawn.reading_uid)
        received = uow.objects.find(drawn.object_uid)
    if received is not None and received.state == "parked":
        raise GiveUp(f"Our own reading of it set it aside: {received.reason}")
    is_new = state is not None and state.scored_at is not None and state.scored_at >= drawn.at
    return state if is_new else None


def _how_far(drawn: Drawn, begin: Begin) -> str:
    with begin() as uow:
        received, state = (
            uow.objects.find(drawn.object_uid),
            uow.readings.find(drawn.reading_uid),
        )
    if received is None or received.state == "received":
        return "it is still to be read"
    return "its reading does not stand" if state is None else f"its reading is {state.state}"


def _wait(ask: Callable[[], _Found], seconds: float) -> _Found | None:
    pause, until = threading.Event(), time.monotonic() + seconds
    while not (found := ask()):
        if time.monotonic() >= until:
            return None
        pause.wait(_POLL)
    return found


def _draw(case: Case, archive: Archive, drawn: Drawn) -> Dataset:
    """Draw one point, elsewhere than the last time, and decide both breasts."""
    (study,) = case.studies
    headers = [
        dcmread(archive.path(image.content_hash), stop_before_pixels=True)
        for image in study.instances()
    ]
    images = max(group_by_size(headers), key=len)
    image = images[0]
    second = int(drawn.at.timestamp())
    x, y = (
        size * 0.4 + second // step % 97 * size / 1000
        for size, step in ((int(image.Columns), 1), (int(image.Rows), 97))
    )
    side: Laterality = "R" if image.ImageLaterality == "R" else "L"
    mark = Mark(
        image=str(image.SOPInstanceUID),
        frame=None,
        shape="POINT",
        points=((x, y),),
        centre=(x, y),
        finding=MASS,
        rating=4,
        laterality=side,
        tracking_uid=derive_uid("rehearsed mark", drawn.object_uid),
    )
    decisions = (BreastDecision("R", "RECALL", 4), BreastDecision("L", "RECALL", 4))
    return write_gsps(
        images,
        [mark],
        decisions,
        login=LOGIN,
        series_uid=drawn.series_uid,
        sop_uid=drawn.object_uid,
        when=drawn.at,
        label="REHEARSAL",
    )
