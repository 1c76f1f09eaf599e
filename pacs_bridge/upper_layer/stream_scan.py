"""The structural check of `prescan`, for an object that is never whole in memory.

Bytes are fed as they arrive; what a value holds is skipped by its length, unless it says what
the object is. Between two pieces no more is kept than the beginning of one element.

References
----------
PS3.5 section 7 (data set structure), 7.5 (sequences), annex A.4 (encapsulated pixel data).
"""

from __future__ import annotations

from pacs_bridge.upper_layer.elements import LIMITS, Limits
from pacs_bridge.upper_layer.prescan import walk
from pacs_bridge.upper_layer.seen import Content, Seen


class StreamScan:
    """Walks one encoded data set (no preamble, no group 0002) while it arrives.

    Parameters
    ----------
    explicit : bool
        Whether it is encoded with explicit VR; little endian always.
    content : Content or None
        As for `scan`. Texts are gathered whole, and are in memory meanwhile.

    References
    ----------
    RELIABILITY M6.
    """

    def __init__(
        self, *, explicit: bool, limits: Limits = LIMITS, content: Content | None = None
    ) -> None:
        self.seen = Seen()
        """What it has said so far; how large it is, once it is whole."""
        self._walk = walk(
            b"", self.seen, explicit=explicit, limits=limits, content=content, whole=False
        )
        next(self._walk)
        self._rest = b""
        self._skip = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes.

        Raises
        ------
        UnreadableObject
            At the first place where the structure is broken or a limit is passed; nothing
            may be fed afterwards.
        """
        count = len(data)
        if self._skip >= count:  # inside a large value
            self._skip -= count
            return
        if self._skip:
            data = data[self._skip :]
            self._skip = 0
        if self._rest:
            data = self._rest + bytes(data)
        done = self._walk.send(data)
        self._skip = max(0, done - len(data))
        self._rest = bytes(data[done:])

    def finish(self) -> Seen:
        """Say what the object was, now that its last byte has come.

        Raises
        ------
        UnreadableObject
            When it ends inside something.
        """
        if not self._skip:
            self._walk.send(self._rest)  # the walk knows of what it skipped only now
        try:
            self._walk.send(None)
        except StopIteration:
            return self.seen
        raise AssertionError("an object that has ended has no more")
