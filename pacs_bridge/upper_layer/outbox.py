"""What goes out over an association: commands and data sets, cut into PDUs, in few writes.

References
----------
PS3.8 annex D.1 (maximum length), E.2 (message control header).
"""

from __future__ import annotations

from collections.abc import Callable
from io import FileIO
from pathlib import Path

from pacs_bridge.upper_layer.command import Command, encode_command
from pacs_bridge.upper_layer.pdu import data_header
from pacs_bridge.upper_layer.pdu_items import Bytes

_COMMENT_LENGTH = 64
_TOGETHER = 60 << 10  # bytes of replies that wait for one another
_JOINED = 2 * _TOGETHER  # so many bytes are sooner copied than counted one by one
_BATCH, _MOST_FRAGMENTS = 1 << 20, 256  # of a file, read and written at a time


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
        self._buffer = bytearray()
        self._said: tuple[int, Command, bytes] | None = None

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
        self._add_command(context_id, command)
        if command.has_data_set:
            self._add(context_id, data_set)
        if at_once or self._size >= _TOGETHER:
            self.flush()

    def send_file(self, context_id: int, command: Command, path: Path, start: int) -> None:
        """Send a message whose data set lies in a file from `start` on.

        Raises
        ------
        OSError
            When the file cannot be read, or the peer does not take it in time.
        """
        with path.open("rb", buffering=0) as file:
            left = path.stat().st_size - start
            file.seek(start)
            self.stream(context_id, command, file, left)

    def stream(self, context_id: int, command: Command, file: FileIO, left: int) -> None:
        """Send a message whose data set is what comes next in a file.

        It goes through one buffer of a megabyte; the command goes out with its beginning.

        Parameters
        ----------
        left : int
            Bytes of the data set.

        Raises
        ------
        OSError
            When the file ends before, cannot be read, or the peer does not take it in time.
        """
        self._add_command(context_id, command)
        most = self._fragment * max(1, min(_BATCH // self._fragment, _MOST_FRAGMENTS))
        if len(self._buffer) < min(left, most):
            self._buffer = bytearray(min(left, most))
        view = memoryview(self._buffer)
        while True:
            part = view[: min(left, most)]
            _fill(file, part)
            left -= len(part)
            self._add(context_id, part, is_end=not left)
            self.flush()
            if not left:
                return

    def flush(self) -> None:
        """Send what waits."""
        waiting, size = self._waiting, self._size
        self._waiting, self._size = [], 0
        if len(waiting) > 2 and size <= _JOINED:
            self._write(b"".join(waiting))
        elif waiting:
            self._write(*waiting)

    def _add_command(self, context_id: int, command: Command) -> None:
        """Add a command; one that is said of match after match is encoded once."""
        said = self._said
        if said is None or said[1] is not command or said[0] != context_id:
            cut = self._cut(context_id, encode_command(command), is_command=True)
            self._said = said = (context_id, command, b"".join(cut))
        self._waiting.append(said[2])
        self._size += len(said[2])

    def _add(self, context_id: int, data: Bytes, *, is_end: bool = True) -> None:
        cut = self._cut(context_id, data, is_command=False, is_end=is_end)
        self._waiting += cut
        self._size += sum(map(len, cut))

    def _cut(
        self, context_id: int, data: Bytes, *, is_command: bool, is_end: bool = True
    ) -> list[Bytes]:
        """Cut into fragments, each behind its header."""
        length, most = len(data), self._fragment
        if length <= most:
            head = data_header(context_id, length, is_command=is_command, is_last=is_end)
            return [head, data]
        view, cut = memoryview(data), list[Bytes]()
        head = data_header(context_id, most, is_command=is_command, is_last=False)
        last = (length - 1) // most * most
        for start in range(0, last, most):
            cut += (head, view[start : start + most])
        rest = view[last:]
        head = data_header(context_id, len(rest), is_command=is_command, is_last=is_end)
        return [*cut, head, rest]


def _fill(file: FileIO, part: memoryview) -> None:
    have = 0
    while have < len(part):
        count = file.readinto(part[have:])
        if not count:
            raise OSError("the file has become shorter")
        have += count
