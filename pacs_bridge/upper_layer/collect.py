"""For a service that wants an object whole: bytes collected up to a bound, then handed over."""

from __future__ import annotations

from collections.abc import Callable

from pacs_bridge.domain.objects import StoreRequest
from pacs_bridge.upper_layer.contract import Answer, StoreHead


class Collector:
    """Keeps an object in memory while it arrives; what is too large is counted and dropped.

    Parameters
    ----------
    most_bytes : int
        A larger object is handed over with its size and without a byte.
    store : callable
        Answers for the whole object; it must not raise.
    """

    def __init__(
        self, head: StoreHead, *, most_bytes: int, store: Callable[[StoreRequest], Answer]
    ) -> None:
        self._head, self._most, self._store = head, most_bytes, store
        self._data, self._size = bytearray(), 0

    def write(self, data: memoryview) -> None:
        """Keep the next bytes, or count them."""
        self._size += len(data)
        if self._size <= self._most:
            self._data += data
        else:
            self._data = bytearray()

    def finish(self) -> Answer:
        """Hand the object over."""
        head = self._head
        return self._store(
            StoreRequest(
                caller=head.caller,
                sop_class_uid=head.sop_class_uid,
                sop_instance_uid=head.sop_instance_uid,
                transfer_syntax_uid=head.transfer_syntax_uid,
                data_set=memoryview(self._data),
                size=self._size,
            )
        )

    def abort(self) -> None:
        """Forget it."""
        self._data = bytearray()
