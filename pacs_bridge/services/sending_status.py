"""How the sending of a load gets on: pace, what was left out, what the PACS has committed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.loading import InstanceState, Load, Readiness
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.sending import Confirmed, Pace, pace_of
from pacs_bridge.services.commitment import LoadCommitment, standing_of
from pacs_bridge.services.send_ledger import what_was_skipped

_SENT = (InstanceState.STORED, InstanceState.WARNED)


@dataclass(frozen=True)
class SendingStatus:
    """How the sending of a load gets on.

    Parameters
    ----------
    skipped : str
        What the PACS takes no images of and what choice that leaves; empty where it takes all.
    forms : dict of str to int
        Images by the transfer syntax that they went out in.
    commitment : LoadCommitment or None
        What it said of storage commitment; None where it was not asked.
    """

    pace: Pace
    skipped: str
    forms: dict[str, int]
    commitment: LoadCommitment | None

    @property
    def committed(self) -> str:
        """Say in one sentence what the PACS has committed to; empty where it was not asked."""
        it = self.commitment
        if it is None:
            return ""
        parts = [f"committed to {len(it.committed)} of {it.total} images"]
        parts += [f"{len(it.failed)} it does not commit to"] if it.failed else []
        parts += [f"{len(it.waiting)} to be reported on"] if it.waiting else []
        parts += [f"{len(it.unconfirmed)} unconfirmed"] if it.unconfirmed else []
        return f"{it.load.pacs}: {', '.join(parts)}."

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            **self.pace.as_dict(),
            "skipped": self.skipped,
            "transfer_syntaxes": self.forms,
            "commitment": None if self.commitment is None else self.commitment.as_dict()["images"],
        }


def sending_status(load_id: int, *, begin: Begin, now: Clock) -> SendingStatus:
    """Tell how the sending of a load gets on; raises `NotFound`."""
    with begin() as uow:
        return sending_in(uow, uow.loads.get(load_id), now)


def sending_in(uow: UnitOfWork, load: Load, now: Clock) -> SendingStatus:
    """Tell it in the caller's transaction."""
    ledger = uow.loads.ledger(load.load_id)
    passport = uow.case_sets.get(load.set_name, load.copy)
    sizes = {image.sop_instance_uid: image.size for *_, image in passport.instances()}
    confirmed = [
        Confirmed(row.changed_at or now(), sizes.get(row.sop_instance_uid, 0))
        for row in ledger
        if row.state in _SENT
    ]
    forms: dict[str, int] = {}
    for row in ledger:
        if row.sent_as:
            forms[row.sent_as] = forms.get(row.sent_as, 0) + 1
    on_its_way = load.readiness in (Readiness.PLANNED, Readiness.SENDING)
    sending = uow.pacs.get(load.pacs).sending
    opening = sending.opens_at(now()) if on_its_way else None
    standing = standing_of(uow, load, now)
    return SendingStatus(
        pace_of(
            confirmed,
            sum(sizes.values()),
            is_sending=load.readiness is Readiness.SENDING,
            now=now(),
            waits="" if opening is None else sending.told_opening(opening),
        ),
        what_was_skipped(load.pacs, ledger),
        forms,
        standing if standing.transactions else None,
    )
