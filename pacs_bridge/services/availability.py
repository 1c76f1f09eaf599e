"""What a PACS notifies us of about images of ours: where they are.

It is a hint and no proof: it is kept, and may bring the next verification forward. Of
anything that is not ours nothing is kept, as of any alien object (DESIGN.md 3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pacs_bridge.db.repositories.commitment import NotifiedInstance
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.commitment import Reference, RefusedRequest
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.objects import Caller, Refusal
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.aliens import hash_alien

NOTIFICATION = "1.2.840.10008.5.1.4.33"
"""SOP class of the Instance Availability Notification (PS3.4 annex R)."""

NOT_AUTHORISED = 0x0124
_VERIFY_EVERY = 60  # seconds: a PACS notifies study by study
_UNPROVEN = (Readiness.SENT, Readiness.INCOMPLETE)


def take_notification(
    caller: Caller,
    study_instance_uid: str,
    named: Sequence[tuple[Reference, str, str]],
    *,
    size: int,
    begin: Begin,
    key: bytes,
    now: Clock,
) -> None:
    """Keep where images of a set that was loaded into this PACS are; returning means Success.

    Parameters
    ----------
    named : sequence of (Reference, str, str)
        Each object with its availability and the AE title to retrieve it from.
    size : int
        Bytes of the notification.
    key : bytes
        Keys the hash under which one that is not ours is remembered.

    Raises
    ------
    RefusedRequest
        When none of it is of a set that was loaded into this PACS.
    """
    pacs, moment = caller.pacs or "", now()
    with begin() as uow:
        loads = uow.availabilities.loads_of_study(pacs, study_instance_uid)
        ours = set().union(*loads.values())
        noted = [
            NotifiedInstance(each.sop_instance_uid, availability, retrieve_ae, moment)
            for each, availability, retrieve_ae in named
            if each.sop_instance_uid in ours
        ]
        if noted:
            uow.availabilities.keep(pacs, study_instance_uid, noted)
            counts = Counter(each.availability.lower() for each in noted)
            uow.events.add(moment, "availability", pacs, loads=sorted(loads), **counts)
            _bring_forward(uow, sorted(loads), int(moment.timestamp()))
        else:
            uow.refusals.add(
                Refusal(
                    at=moment,
                    caller=caller,
                    sop_class_uid=NOTIFICATION,
                    size=size,
                    status=NOT_AUTHORISED,
                    kind="alien-notice",
                    reason="This is not a case of this scheme.",
                    keyed_hash=hash_alien(study_instance_uid, key),
                )
            )
    if not noted:  # said only now: the row is to be kept
        raise RefusedRequest(NOT_AUTHORISED, "This is not a case of this scheme.")


def _bring_forward(uow: UnitOfWork, load_ids: Sequence[int], seconds: int) -> None:
    """Queue one sweep a minute over each load that is not proven; readiness stays as it is."""
    for load_id in load_ids:
        load = uow.loads.get(load_id)
        if load.readiness in _UNPROVEN:
            key = f"verify-noted-{load_id}-{seconds // _VERIFY_EVERY}"
            uow.enqueue("verify", load_id, key=key, partition=load.pacs)
