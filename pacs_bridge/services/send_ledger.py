"""What becomes of one image's answer in a load's ledger, and of an answer that never came."""

from __future__ import annotations

from collections.abc import Sequence

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.loading import InstanceState, LedgerRow
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.phases import at_phase
from pacs_bridge.domain.ports import Clock, ImageKey, PacsPeer, StoreAnswer
from pacs_bridge.services.commit_follow import NOT_COMMITTED

FOUND_LATER = "found after a lost answer; not sent again"
FOUND_ALL_THE_SAME = "found all the same; the PACS does not commit to it"

_WORDS = {
    0x0122: "SOP class not supported",
    0x0124: "not authorised",
    0x0110: "processing failure",
    0x0112: "no such object",
    0x0117: "invalid object",
    0x0210: "duplicate request",
    0xB000: "stored, some values changed",
    0xB006: "stored, some elements left out",
    0xB007: "stored, though it does not fit its SOP class",
}
"""What statuses say, where the PACS adds no comment (PS3.7 annex C, PS3.4 B.2.3)."""


def settle(
    uow: UnitOfWork, load_id: int, answer: StoreAnswer, attempts: int, now: Clock
) -> InstanceState:
    """Write an answer into the ledger; gives what it means for the image."""
    if answer.stored:
        state = InstanceState.WARNED if answer.status else InstanceState.STORED
    elif answer.phase == "association":
        state = InstanceState.SKIPPED
    elif answer.status >> 8 == 0xA7 and _tried(uow, load_id, answer) < attempts:
        state = InstanceState.PENDING
    else:
        state = InstanceState.FAILED
    uow.loads.settle(
        load_id,
        answer.sop_instance_uid,
        state,
        now(),
        status=answer.status,
        comment=_comment(answer),
        sent_as=answer.sent_as,
    )
    return state


def _tried(uow: UnitOfWork, load_id: int, answer: StoreAnswer) -> int:
    return uow.loads.attempts(load_id, answer.sop_instance_uid) + 1


def count_loss(
    uow: UnitOfWork, load_id: int, uid: str, why: str, attempts: int, now: Clock
) -> None:
    """Count an attempt of which no answer came; the image may or may not be stored."""
    tried = uow.loads.attempts(load_id, uid) + 1
    state = InstanceState.PENDING if tried < attempts else InstanceState.FAILED
    uow.loads.settle(load_id, uid, state, now(), comment=why, in_doubt=True)


def settle_doubts(
    load_id: int,
    doubtful: Sequence[str],
    pacs: Pacs,
    passport: Passport,
    *,
    begin: Begin,
    peer: PacsPeer,
    now: Clock,
) -> None:
    """Ask whether images of which no answer came are there, before one goes out again.

    What is there is confirmed. What is not, and what the PACS cannot be asked about in this
    way, is no longer in doubt and goes out again, under the same UID.

    Raises
    ------
    PeerUnavailable
        When the PACS did not answer: nothing goes out before it does.
    """
    wanted = set(doubtful)
    keys = [
        ImageKey(study.study_instance_uid, series.series_instance_uid, image.sop_instance_uid)
        for _, study, series, image in passport.instances()
        if image.sop_instance_uid in wanted
    ]
    found = peer.find_images(pacs, keys)
    with begin() as uow:
        uow.loads.doubt(load_id, doubtful, in_doubt=False)
        said = {row.sop_instance_uid: row.comment for row in uow.loads.ledger(load_id)}
        for uid in doubtful:
            if found.get(uid):
                there = FOUND_ALL_THE_SAME if NOT_COMMITTED in said[uid] else FOUND_LATER
                uow.loads.settle(load_id, uid, InstanceState.STORED, now(), comment=there)


def what_was_skipped(pacs: str, ledger: Sequence[LedgerRow]) -> str:
    """Say what a PACS takes no images of, and what choice that leaves; empty where it takes all."""
    skipped = [row for row in ledger if row.state is InstanceState.SKIPPED]
    if not skipped:
        return ""
    cases = list(dict.fromkeys(row.accession for row in skipped))
    named = ", ".join(cases[:8]) + (f" and {len(cases) - 8} more" if len(cases) > 8 else "")
    why = skipped[0].comment.split(": ", 1)[-1].split(" (failed at", 1)[0].rstrip(".")
    one = len(skipped) == 1
    because = why.replace("The PACS", pacs, 1)
    if because == why:
        because = f"{pacs} does not take them ({why})"
    return (
        f"{len(skipped)} image{'' if one else 's'} {'was' if one else 'were'} not sent: {because}. "
        f"Cases: {named}. The choice that leaves stands beside each of these cases; nothing goes "
        "on by itself until then."
    )


def words_of(answer: StoreAnswer) -> str:
    """Say what a status means, and what the PACS said of it."""
    status = answer.status
    words = answer.comment or _WORDS.get(status) or _class_of(status)
    offending = f", elements {answer.offending}" if answer.offending else ""
    return f"0x{status:04X}: {words}{offending}"


def _comment(answer: StoreAnswer) -> str:
    """Say what a status means, and where it failed, if it did."""
    if not answer.status:
        return ""
    return words_of(answer) if answer.stored else f"{words_of(answer)} {at_phase(answer.phase)}"


def _class_of(status: int) -> str:
    if status >> 8 == 0xA7:
        return "out of resources"
    if status >> 8 == 0xA9:
        return "does not fit its SOP class"
    return "cannot understand it" if status >> 12 == 0xC else "failed"
