"""A reader's word on what came on their copy under a shared log-in: all of it theirs, or none.

It is a statement on the objects, as any claim is, and they are looked into anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.claims import Claim, Saying
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.claims import check_open, move
from pacs_bridge.services.folded import fold_reading
from pacs_bridge.services.receipts import own_case

NOTHING_ASKED = "Nothing of this case waits for that any more; load the page again."


def state_own(
    reader: str,
    accession: str,
    *,
    mine: bool,
    begin: Begin,
    now: Clock,
    settle: float,
    account_id: int | None = None,
) -> int:
    """Take a reader's statement on all that came of a case under a shared log-in.

    What is theirs counts; what is not leaves their reading and waits for an administrator.

    Returns
    -------
    int
        Of how many objects that was said.

    Raises
    ------
    NotFound
        When this reader does not read that case.
    RefusedInput
        When nothing of it waits for that, or the round has closed.
    """
    moment = now()
    with begin() as uow:
        own = own_case(uow, reader, accession)
        check_open(uow, own.case.set_name, reader, moment)
        standing = fold_reading(uow, own.reading_uid, own.case.set_name, reader)
        uids = [save.key for save in standing.saves if save.unsure]
        if not uids:
            raise RefusedInput(NOTHING_ASKED)
        _say(uow, uids, reader, moment, settle, account_id, mine=mine)
        kind = "objects-claimed" if mine else "objects-disowned"
        uow.events.add(moment, kind, reader, set=own.case.set_name, objects=uids)
        return len(uids)


def _say(
    uow: UnitOfWork,
    uids: Iterable[str],
    reader: str,
    moment: datetime,
    settle: float,
    account_id: int | None,
    *,
    mine: bool,
) -> None:
    saying = Saying.CLAIM if mine else Saying.NOT_MINE
    words = "What came on my copy of this case is mine." if mine else "This is not mine."
    for uid in uids:
        number = uow.claims.say(Claim(uid, saying, reader, words, moment, account_id))
        move(uow, uid, number, moment, settle)
