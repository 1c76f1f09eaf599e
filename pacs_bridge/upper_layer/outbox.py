"""What goes out over an association: commands and data sets, cut into PDUs, in few writes.

References
----------
PS3.8 annex D.1 (maximum length), E.2 (message control header).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pacs_bridge.upper_layer.command import Command, encode_command
from pacs_bridge.upper_layer.pdu import data_header
from pacs_bridge.upper_layer.pdu_items import Bytes

_COMMENT_LENGTH = 64
_TOGETHER = 60 << 10  # bytes of replies that wait for one another


def fit_comment(comment: str) -> str | None:
    """Make a text fit Error Comment (0000,0902): 64 characters, ASCII; None where empty."""
    return comment[:_COMMENT_LENGTH].encode("ascii", "replace").decode() or None


class Outbox:
    """Writes messages of one association.

    Parameters
    ----------
    write : callable
        Sends buffers, in one call where that goes.
    fragment : int
        Bytes of a fragment that the peer takes.
    """

    def __init__(self, write: Callable[..., None], fragment: int) -> None:
        self._write, self._fragment = write, fragment
        self._waiting: list[Bytes] = []
        self._size = 0

    def send(
        self, context_id: int, command: Command, data_set: Bytes = b"", *, at_once: bool = True
    ) -> None:
        """Send a message, and what waits before it.

        Parameters
        ----------
        command : Command
            Must say whether a data set follows.
        at_once : bool
            False where the message may wait for the next, or for `flush`.

        Raises
        ------
        OSError
            When the peer does not take it in time.
        """
        self._add(context_id, encode_command(command), is_command=True)
        if command.has_data_set:
            self._add(context_id, data_set, is_command=False)
        if at_once or self._size >= _TOGETHER:
            self.flush()

    def send_file(self, context_id: int, command: Command, path: Path, start: int) -> None:
        """Send a message whose data set lies in a file from `start` on, a fragment at a time.

        Raises
        ------
        OSError
            When the file cannot be read, or the peer does not take it in time.
        """
        with path.open("rb", buffering=0) as file:
            left = path.stat().st_size - start
            file.seek(start)
            self._add(context_id, encode_command(command), is_command=True)
            while True:
                part = file.read(min(left, self._fragment))
                left -= len(part)
                if left and not part:
                    raise OSError("the file has become shorter")
                head = data_header(context_id, len(part), is_command=False, is_last=not left)
                self._waiting += (head, part)
                self.flush()
                if not left:
                    return

    def flush(self) -> None:
        """Send what waits."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if waiting:
            self._write(*waiting)

    def _add(self, context_id: int, data: Bytes, *, is_command: bool) -> None:
        view, most = memoryview(data), self._fragment
        for start in range(0, len(view) or 1, most):
            part = view[start : start + most]
            is_last = start + most >= len(view)
            head = data_header(context_id, len(part), is_command=is_command, is_last=is_last)
            self._waiting += (head, part)
            self._size += len(head) + len(part)
