"""An image of ours that a PACS sends back: taken only where its UID stands in a passport.

The command of a C-STORE says the SOP Instance UID, so it is decided before the first byte of
the data set, and no byte of another woman's image reaches the disk. What such an image holds
differs from what was sent, as a PACS changes attributes and a viewer adds overlays; which of
that is new is found out by a job (`services/came_back`), so that the sender does not wait.
"""

from __future__ import annotations

import secrets

from pacs_bridge.archive.incoming import name_on_arrival
from pacs_bridge.archive.part10 import file_head
from pacs_bridge.domain.errors import AlienObject, ConflictingObject, PausedPeer
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.services.receive import PAUSED, originator_of
from pacs_bridge.services.reception import Reception, announce
from pacs_bridge.upper_layer.seen import Seen

MOST_CONTENTS = 32
"""Of one image, told apart: a PACS that changes it each time must not fill the disk."""


class ImageReception(Reception):
    """Takes one image."""

    def _open(self) -> None:
        head, caller = self.head, self.head.caller
        with self._desk.read() as uow:
            standing = uow.images.ask(caller.pacs or "", head.sop_instance_uid)
        if not standing.pacs_is_open:
            raise PausedPeer(PAUSED)
        if standing.accession is None:
            raise AlienObject("This is not a case of this scheme.")
        if standing.kept >= MOST_CONTENTS:
            raise ConflictingObject(
                "This image came back with too many contents; a person of the scheme must look."
            )
        self._accession = standing.accession
        self._spool = self._new_file(
            file_head(head.sop_class_uid, head.sop_instance_uid, head.transfer_syntax_uid)
        )

    def _take(self, data: memoryview) -> None:
        self._spool.write(data)

    def _keep(self, seen: Seen) -> None:
        self.check_identifiers(seen)
        head, desk = self.head, self._desk
        key = new_key()
        name = name_on_arrival(key)
        desk.archive.adopt(self._spool.finish(), name)
        received = ReceivedObject(
            sop_instance_uid=key,
            sop_class_uid=head.sop_class_uid,
            transfer_syntax_uid=head.transfer_syntax_uid,
            content_hash=name,
            same_content=name,
            size=self.size,
            caller=head.caller,
            accession=self._accession,
            received_at=desk.now(),
            originator=originator_of(head.originator),
            kind="overlay" if seen.has_overlay else "image",
            image=head.sop_instance_uid,
        )

        if not announce(received, desk.commit):
            raise PausedPeer(PAUSED)


def new_key() -> str:
    """Make a key that looks like a UID, and that nobody can guess.

    References
    ----------
    PS3.5 annex B.2 (UIDs from random numbers).
    """
    return f"2.25.{secrets.randbits(128)}"
