"""Having what readers saved removed from a PACS: by rejection notes where it acts on them.

Where it does not, a person removes what the list names. Either way the marks have gone only once
the PACS, asked, does not list them; see `services.turns`.

References
----------
IHE Radiology, IOCM (RAD-66); DESIGN.md 5, *sequential*.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs_bridge.deid.part10 import write_part10
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock, PacsPeer, Sendable
from pacs_bridge.domain.pulling import HeldMark
from pacs_bridge.sr.rejection import KEY_OBJECT, write_mark_rejection

_EXPLICIT = "1.2.840.10008.1.2.1"


@dataclass(frozen=True)
class Notes:
    """What a PACS answered to rejection notes, and their SOP Instance UIDs."""

    words: str
    sent: tuple[str, ...] = ()


def send_notes(
    pacs: Pacs, case: Case, marks: Sequence[HeldMark], *, peer: PacsPeer, now: Clock
) -> Notes:
    """Ask a PACS by one note a study to take marks away.

    Asking again sends the same notes: they are named after what they reject.
    """
    said: list[str] = []
    with TemporaryDirectory(prefix="rejection-") as folder:
        notes = []
        for nth, study in enumerate(case.studies):
            here = [
                (each.series_instance_uid, each.sop_instance_uid, each.sop_class_uid)
                for each in marks
                if each.study_instance_uid == study.study_instance_uid and each.sop_class_uid
            ]
            if not here:
                continue
            ds = write_mark_rejection(case, study, here, when=now())
            path = Path(folder) / f"{nth}.dcm"
            path.write_bytes(write_part10(ds, _EXPLICIT))
            notes.append(Sendable(path, KEY_OBJECT, str(ds.SOPInstanceUID), _EXPLICIT))
        try:
            for answer in peer.store(pacs, notes):
                refused = f"refused with 0x{answer.status:04X}"
                said.append("taken" if answer.stored else refused)
        except PeerUnavailable as error:
            said.append(f"not sent: {error}")
        sent = tuple(each.sop_instance_uid for each in notes)
    return Notes(", ".join(dict.fromkeys(said)) or "nothing to send", sent)


def removal_list(marks: Iterable[tuple[str, HeldMark]]) -> str:
    """Write what must go as CSV, an object a line (RFC 4180); each with its case."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("accession", "study_instance_uid", "series_instance_uid", "sop_instance_uid"))
    for accession, each in marks:
        study, series = each.study_instance_uid, each.series_instance_uid
        writer.writerow((accession, study, series, each.sop_instance_uid))
    return text.getvalue()


SendNotes = Callable[[Pacs, Case, Sequence[HeldMark]], Notes]
"""Asks a PACS by rejection notes to take marks on a case away."""
