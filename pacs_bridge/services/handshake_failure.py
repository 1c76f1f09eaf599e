"""Why a handshake failed, in one sentence, and what follows from it."""

from __future__ import annotations

from datetime import datetime, timedelta

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.handshake import (
    Drawn,
    Handshake,
    HandshakeState,
    counts_of,
    is_drawn,
    say_counts,
)
from pacs_bridge.domain.ports import Message
from pacs_bridge.services.mails import queue_mail

_LONG_AGO = timedelta(hours=12)
"""No handshake is open for so long."""


def why_failed(uow: UnitOfWork, handshake: Handshake) -> str:
    """Say in one sentence why nothing that arrived is what a handshake asked for.

    What somebody else may have drawn at the same time is not told.
    """
    pacs, case = handshake.pacs, handshake.accession
    used = uow.handshakes.used(pacs)
    came = [
        each
        for each in uow.handshakes.drawn_on(pacs, case, handshake.issued_at)
        if each[2] < handshake.expires_at and each[0] not in used
    ]
    if not came:
        return (
            f"Nothing arrived from {pacs} on case {case}: your viewer may not save marks, or your "
            "PACS may not send them on."
        )
    with_marks = [each for each in came if any(map(is_drawn, each[3].marks))]
    if not with_marks:
        return (
            f"What arrived from {pacs} on case {case} holds no mark: your viewer saved the view "
            "and not what was drawn on it."
        )
    others = any(
        each.reader != handshake.reader
        and each.issued_at < handshake.expires_at
        and (each.settled_at or each.expires_at) > handshake.issued_at
        for each in uow.handshakes.at_pacs(pacs, since=handshake.issued_at - _LONG_AGO)
    )
    if others:
        return (
            f"Nothing that arrived from {pacs} on case {case} was exactly "
            f"{say_counts(handshake.code)}."
        )
    drawn = [Drawn(read, (), named=False, received_at=at) for _, _, at, read in with_marks]
    found = [say_counts(counts, whole=False) for counts in counts_of(drawn)]
    arrived = found[0] if found else "marks on another view"
    return f"Asked for were {say_counts(handshake.code)}; what arrived was {arrived}."


def fail(uow: UnitOfWork, handshake: Handshake, why: str, now: datetime) -> None:
    """End a handshake as failed: its reader reads on our sheet, and is told why.

    Another handshake that succeeds takes that back.
    """
    uow.handshakes.settle(handshake.handshake_id, HandshakeState.FAILED, now, why=why)
    enrolment = uow.enrolments.find(handshake.set_name, handshake.reader)
    if enrolment is not None and enrolment.way == "native":
        uow.enrolments.set_way(handshake.set_name, handshake.reader, "sheet")
    uow.events.add(
        now,
        "handshake-failed",
        handshake.reader,
        set=handshake.set_name,
        pacs=handshake.pacs,
        reason=why,
    )
    for account in uow.accounts.of_reader(handshake.reader):
        key = f"handshake-{handshake.handshake_id}-{account.account_id}"
        subject = f"{handshake.set_name}: you read on our sheet"
        body = (
            f"{why}\n\nSo that nothing is lost, you place your marks on our sheet. If you want to "
            "read in your viewer, ask for another practice drawing on our pages."
        )
        queue_mail(uow, Message(key, account.email, subject, body), now)
