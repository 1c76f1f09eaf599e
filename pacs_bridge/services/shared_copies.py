"""What lies on a reader's own copy, where log-ins are shared: asked about before it counts.

A copy tells whose a drawing is as long as nobody opens a colleague's. Where a PACS is known to
share a log-in, nothing in an object could show that somebody did. So what does not name the copy's
reader by a log-in of their own counts once they say that it is theirs: of each mark, or of all that
came of the case at once (`services.own_saves`).

References
----------
STANDARDS.md 1.5 (shared log-ins resolve to no reader); QUIRKS.md C8.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pacs_bridge.db.repositories.case_sets import KnownCase
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.claims import owner_of
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.identity import SHARED_LOGIN
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.services.copy_owner import reader_of_copy
from pacs_bridge.services.folded import end_of
from pacs_bridge.services.whose import whom_it_names


def ask_whether_own(
    uow: UnitOfWork,
    received: ReceivedObject,
    case: KnownCase,
    read: ReadObject,
    reader: str,
    now: datetime,
) -> ReadObject:
    """Note in its evidence that an object on a reader's copy may be a colleague's.

    Practice cases are left out: nothing of them counts.
    """
    pacs = received.caller.pacs or ""
    if case.kind == "practice" or read.observer.device or not shares_logins(uow, pacs):
        return read
    if reader_of_copy(uow, case, pacs) != reader:
        return read
    uid = received.sop_instance_uid
    if owner_of(uow.claims.said_of([uid])[uid]).owner is not None:
        return read
    aliases = uow.readers.aliases(pacs)
    named = whom_it_names(uow, pacs, read.observer, received.caller.ae_title)
    if any(aliases[n][0] == reader for each in named for n in each.names if n in aliases):
        return read
    end = end_of(uow, case.set_name, reader)
    before = uow.marks.find(uid) if received.read_by and end is not None and now >= end else None
    if before is not None and SHARED_LOGIN not in before.observer.evidence:
        return read  # it was counted while something could be said of it
    said = {**read.observer.evidence, SHARED_LOGIN: "may be another's"}
    return replace(read, observer=replace(read.observer, evidence=said))


def shares_logins(uow: UnitOfWork, pacs: str) -> bool:
    """Whether several people are known to work under one log-in at a PACS."""
    return uow.logins.reading(pacs)[1] == "shared" or bool(uow.logins.shared(pacs))


def on_copies(uow: UnitOfWork, pacs: str, now: datetime) -> list[str]:
    """List what lies on readers' copies at a PACS, of rounds that have not ended for them."""
    found, ended = [], dict[tuple[str, str], bool]()
    for uid, accession, reader in uow.claims.read_at(pacs):
        name = CaseName.parse(accession)
        key = (str(name.set_name), reader)
        if name.copy and key not in ended:
            end = end_of(uow, *key)
            ended[key] = end is not None and now >= end
        if name.copy and not ended[key]:
            found.append(uid)
    return found
