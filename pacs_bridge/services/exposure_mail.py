"""What the contact of a PACS is told of an exposure: what to exclude, or to remove."""

from __future__ import annotations

from datetime import datetime

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.exposure import Maker, Sighting
from pacs_bridge.domain.loading import LEAVING, Load, Readiness
from pacs_bridge.domain.pacs import Isolation, Pacs
from pacs_bridge.services.mails import mail_contacts


def loads_of(uow: UnitOfWork, pacs: str, set_name: str) -> list[Load]:
    """List the loads of a set that stand at a PACS."""
    return [
        load
        for load in uow.loads.all()
        if load.pacs == pacs
        and load.set_name == set_name
        and load.readiness not in (*LEAVING, Readiness.PLANNED)
    ]


def tell_contact(
    uow: UnitOfWork,
    pacs: Pacs,
    set_name: str,
    maker: Maker,
    each: Sighting,
    effective: Isolation,
    moment: datetime,
    public_url: str,
) -> None:
    """Mail the contact once a set and kind of maker what to exclude, or to remove."""
    load = next(iter(loads_of(uow, pacs.name, set_name)), None)
    if load is None:
        return
    subject = f"{set_name} in {pacs.name}: something lies beside the cases"
    what = each.kind[0].upper() + each.kind[1:]
    lines = [f"{what} lies beside the images of {each.accession}, where readers see it."]
    if maker is Maker.READER:
        lines.append(
            "A reader saved it in the PACS, where it shows to the next reader. Ask readers to put "
            "their marks on our pages, and have what was saved on these cases removed."
            if effective is Isolation.SHEET
            else "It is another reader's, and should not be there: have it removed, and tell the "
            "scheme, for the PACS does not keep readers apart as it was proven to."
        )
    else:
        lines.append(
            "Most likely your router sends mammograms to an AI or CAD service, or a viewer saves "
            f"by itself: exclude {set_name}* from that rule, and have the object removed."
        )
    lines.append("Readings of cases that were not decided by then are kept, and marked as exposed.")
    key = f"exposed-{set_name}-{pacs.name}-{maker.value}"
    mail_contacts(uow, load, key, subject, lines, moment, public_url)
