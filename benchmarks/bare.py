"""The upper layer alone, taking objects to files: what the node could do if it did no more.

No row, no index, no job, no question whether it wants them; each object is a file of its own
with a head, synced before the answer where asked for. It runs as a process of its own:
``python -m benchmarks.bare FOLDER [durable|unsynced] [TLS FOLDER]``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pacs_bridge.archive.part10 import file_head
from pacs_bridge.domain.objects import AssociationOutcome, Caller
from pacs_bridge.upper_layer.acceptor import Acceptor
from pacs_bridge.upper_layer.contract import (
    SUCCESS,
    Answer,
    Bounds,
    Context,
    Question,
    StoreHead,
)
from pacs_bridge.upper_layer.credentials import Credentials
from pacs_bridge.upper_layer.wire import write

AE_TITLE = "BARE"
_ROOM = 512 << 10  # bytes, what the node's own sink has
_LARGE, _AHEAD = 1 << 20, 32 << 20  # for objects larger than this, so much is reserved at once
_EXPLICIT = "1.2.840.10008.1.2.1"
_TAKEN = ("1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.5.1.4.1.1.13.1.3", "1.2.840.10008.1.1")


class _FileSink:
    """Writes one object to a file, which appears under its name once it is whole."""

    def __init__(self, folder: Path, head: StoreHead, *, durable: bool) -> None:
        self._name, self._durable = folder / head.sop_instance_uid, durable
        self._part = self._name.with_suffix(f".{head.caller.association_id}")
        self._file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        meta = file_head(head.sop_class_uid, head.sop_instance_uid, head.transfer_syntax_uid)
        write(self._file, [meta])
        self._memory = memoryview(bytearray(_ROOM))
        self._size = self._reserved = 0

    def room(self) -> memoryview:
        return self._memory

    def write(self, data: memoryview) -> None:
        self._size += len(data)
        if self._size > max(self._reserved, _LARGE) and hasattr(os, "posix_fallocate"):
            self._reserved += _AHEAD  # a block at a time costs more than the copy
            os.posix_fallocate(self._file, 0, self._reserved)
        write(self._file, [data])

    def finish(self) -> Answer:
        if self._reserved:
            os.truncate(self._file, os.lseek(self._file, 0, os.SEEK_CUR))
        if self._durable:
            os.fdatasync(self._file)
        os.close(self._file)
        self._part.rename(self._name)
        if self._durable:
            folder = os.open(self._name.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return Answer(SUCCESS)

    def abort(self) -> None:
        os.close(self._file)
        self._part.unlink()


@dataclass(frozen=True)
class _Service:
    """Lets everybody in, and takes every object."""

    folder: Path
    durable: bool

    def admit(self, caller: Caller) -> Caller:
        return replace(caller, pacs="benchmark")

    def echo(self, caller: Caller) -> Answer:  # noqa: ARG002
        return Answer(SUCCESS)

    def open_store(self, head: StoreHead) -> _FileSink:
        return _FileSink(self.folder, head, durable=self.durable)

    def ask(self, question: Question) -> None:
        """Serve nothing else."""

    def end(self, caller: Caller, outcome: AssociationOutcome, note: str) -> None:
        """Keep nothing."""


@dataclass(frozen=True)
class Bare:
    """One that runs.

    Parameters
    ----------
    folder : Path
        Where the objects go.
    """

    port: int
    pid: int
    folder: Path


@contextmanager
def running_bare(folder: Path, *, durable: bool, tls: Path | None = None) -> Iterator[Bare]:
    """Run one; `tls` is a folder as `Credentials` wants it."""
    folder.mkdir()
    words = [str(folder), "durable" if durable else "unsynced", *([str(tls)] if tls else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Bare(int(process.stdout.readline()), process.pid, folder)
    finally:
        process.terminate()
        process.communicate()


def _main(words: list[str]) -> None:
    folder, how, *tls = words
    acceptor = Acceptor(
        _Service(Path(folder), how == "durable"),
        [Context(uid, (_EXPLICIT,)) for uid in _TAKEN],
        host="127.0.0.1",
        port=0,
        bounds=Bounds(),
        secure=Credentials(Path(tls[0])).secure if tls else None,
    )
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    sys.stdout.write(f"{acceptor.start()}\n")
    sys.stdout.flush()
    stopped.wait()
    acceptor.stop()


if __name__ == "__main__":
    _main(sys.argv[1:])
