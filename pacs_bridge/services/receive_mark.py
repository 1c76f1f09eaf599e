"""A mark: a report, a presentation state, a key object selection.

Nearly all of them are small, and are taken whole (`receive`). One that turns out to be larger
goes to the disk while it arrives, like an image, as soon as it has named a case of ours: nobody's
object is ever whole in memory (decision 0062).
"""

from __future__ import annotations

from collections.abc import Callable

from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.domain.objects import StoreRequest
from pacs_bridge.services.receive import check_kind, check_uncompressed, note_refusal
from pacs_bridge.services.receive_evidence import EvidenceReception
from pacs_bridge.services.reception import Desk, request_of
from pacs_bridge.upper_layer.contract import StoreHead
from pacs_bridge.upper_layer.seen import Seen


class MarkReception:
    """Takes one mark.

    Parameters
    ----------
    take : callable
        Takes a small one, or raises; the refusal is in the database by then.
    """

    def __init__(self, head: StoreHead, desk: Desk, take: Callable[[StoreRequest], None]) -> None:
        self._head, self._desk, self._take = head, desk, take
        self._held, self._small = bytearray(), min(desk.small, desk.most_mark_bytes)
        self._large: LargeMarkReception | None = None
        self.size = 0

    def room(self) -> memoryview | None:
        """Give memory for the next bytes, where they go to the disk."""
        return None if self._large is None else self._large.room()

    def write(self, data: memoryview) -> None:
        """Keep the next bytes, or pass them on."""
        self.size += len(data)
        if self._large is None:
            if self.size <= self._small:
                self._held += data
                return
            self._large = LargeMarkReception(self._head, self._desk)
            held, self._held = self._held, bytearray()
            self._large.write(memoryview(held))
        self._large.write(data)

    def finish(self) -> None:
        """Return when it is safe.

        Raises
        ------
        PacsBridgeError
            Why it was not taken; the refusal is in the database by then.
        """
        if self._large is not None:
            self._large.finish()
        else:
            self._take(request_of(self._head, self.size, memoryview(self._held)))

    def abort(self) -> None:
        """Forget what has come."""
        self._held = bytearray()
        if self._large is not None:
            self._large.abort()

    def refuse(self, error: PacsBridgeError) -> None:
        """Keep the row of a refusal."""
        desk, request = self._desk, request_of(self._head, self.size)
        note_refusal(request, error, begin=desk.begin, rules=desk.rules, now=desk.now)


class LargeMarkReception(EvidenceReception):
    """Takes one large mark piece by piece."""

    def _most(self, desk: Desk) -> int:
        return desk.most_mark_bytes

    def _keep_free(self) -> int:
        return 0  # what is kept free is kept for marks

    def _check_head(self) -> None:
        check_kind(self.head.sop_class_uid, self._desk.rules)
        super()._check_head()

    def _keep(self, seen: Seen) -> None:
        check_uncompressed(seen)
        super()._keep(seen)
