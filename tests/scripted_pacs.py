"""A PACS that says exactly what a test tells it to: for answers that real ones rarely give."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt

from tests.loads import MG

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
VERIFICATION = "1.2.840.10008.1.1"

Answers = Iterator[tuple[int, Dataset | None]]


@dataclass
class Script:
    """What it answers, and what it was asked.

    Parameters
    ----------
    find : callable
        Gives (status, identifier) pairs for a query, the final status last; None aborts.
    store : callable
        Gives the status of a C-STORE, or a data set with a status and comments; None aborts.
    """

    find: Callable[[Dataset], list[tuple[int, Dataset | None]] | None] = lambda _query: [(0, None)]
    store: Callable[[str], int | Dataset | None] = lambda _uid: 0x0000
    echo: Callable[[], int] = lambda: 0x0000
    port: int = 0
    asked: list[Dataset] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    associations: int = 0
    data: dict[str, bytes] = field(default_factory=dict)
    open: list[Any] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def on_find(self, event: Any) -> Answers:
        query = event.identifier
        self.asked.append(query)
        try:
            answers = self.find(query)
        except Exception as error:  # told at the end: to our side it is a failure status
            self.errors.append(error)
            raise
        if answers is None:
            event.assoc.abort()
            return
        yield from answers

    def on_store(self, event: Any) -> int | Dataset:
        uid = str(event.request.AffectedSOPInstanceUID)
        self.stored.append(uid)
        self.data[uid] = event.request.DataSet.getvalue()
        status = self.store(uid)
        if status is None:
            event.assoc.abort()
            return 0xC000
        return status

    def on_echo(self, _event: Any) -> int:
        return self.echo()

    def on_accepted(self, event: Any) -> None:
        self.associations += 1
        self.open.append(event.assoc)

    def on_ended(self, event: Any) -> None:
        if event.assoc in self.open:
            self.open.remove(event.assoc)

    def hang_up(self, how: str) -> None:
        """End the association that is open: ``abort`` or ``release``."""
        association = self.open[0]
        threading.Thread(target=getattr(association, how)).start()


@contextmanager
def scripted_pacs(script: Script, **settings: Any) -> Iterator[Script]:
    """Serve a script on a free port; `settings` are attributes of the library's AE."""
    ae = AE("HOSPITAL")
    syntaxes = settings.pop("syntaxes", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    for sop_class in settings.pop("sop_classes", [STUDY_ROOT_FIND, VERIFICATION, MG]):
        ae.add_supported_context(sop_class, syntaxes)
    for name, value in settings.items():
        setattr(ae, name, value)
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_C_FIND, script.on_find),
            (evt.EVT_C_STORE, script.on_store),
            (evt.EVT_C_ECHO, script.on_echo),
            (evt.EVT_ACCEPTED, script.on_accepted),
            (evt.EVT_ABORTED, script.on_ended),
            (evt.EVT_RELEASED, script.on_ended),
        ],
    )
    assert server is not None
    script.port = server.server_address[1]
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
    assert script.errors == []


def a_row(**elements: Any) -> Dataset:
    """One C-FIND answer."""
    row = Dataset()
    for keyword, value in elements.items():
        setattr(row, keyword, value)
    return row


class Hospital(Script):
    """Keeps what it is sent, lists it, and loses its answers when a test says so."""

    def __init__(self) -> None:
        super().__init__(find=self._list, store=self._keep)
        self.has: set[str] = set()
        self.lose_answer: set[str] = set()
        self.drop: set[str] = set()
        self.lists = True

    def _keep(self, uid: str) -> int | None:
        if uid in self.drop:
            self.drop.remove(uid)
            return None
        self.has.add(uid)
        if uid in self.lose_answer:
            self.lose_answer.remove(uid)
            return None
        return 0x0000

    def _list(self, query: Dataset) -> list[tuple[int, Dataset | None]]:
        if not self.lists:
            return [(0xA900, None)]
        uid = str(query.SOPInstanceUID)
        row = a_row(
            QueryRetrieveLevel="IMAGE",
            SOPInstanceUID=uid,
            StudyInstanceUID=query.StudyInstanceUID,
            SeriesInstanceUID=query.SeriesInstanceUID,
        )
        return [(0xFF00, row), (0, None)] if uid in self.has else [(0, None)]
