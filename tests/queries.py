"""Questions to our node in tests: their identifiers, and the services that answer them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any

from pydicom import Dataset
from pydicom.filereader import read_dataset

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.repositories.watch import Event
from pacs_bridge.domain.caseset import Passport, Series, Study
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.ports import PacsPeer
from pacs_bridge.scp.node import Node, NodeServices
from pacs_bridge.scp.query import QueryServices
from pacs_bridge.scp.query_replies import answer_question
from pacs_bridge.scp.retrieve import RetrieveServices
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services import associations
from pacs_bridge.services.association_log import AssociationLog
from pacs_bridge.services.event_log import EventLog
from pacs_bridge.services.query import find_matches, note_query
from pacs_bridge.services.query_index import QueryIndex
from pacs_bridge.services.query_times import study_time_in
from pacs_bridge.services.retrieve import find_wanted, note_retrieval, send_to
from pacs_bridge.services.worklist import find_worklist
from pacs_bridge.upper_layer.contract import StoreHead
from tests.builders import a_case, a_passport
from tests.databases import TestDatabase
from tests.loads import an_image
from tests.waiting import wait_until

STUDY_ROOT, PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.1.1"


def a_question(level: str, **keys: Any) -> Dataset:
    """An identifier with a level and keys by keyword."""
    ds = Dataset()
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    return ds


def data_set(identifier: bytes, *, implicit: bool = False) -> Dataset:
    """Read an answer, as another's library does."""
    return read_dataset(BytesIO(identifier), implicit, True)


def load(database: TestDatabase, *passports: Passport, pacs: str = "hospital") -> None:
    """Make sets known and loaded into a PACS."""
    endpoint = Endpoint("HOSPITAL", "127.0.0.1", 104, ("store", "query", "calls-from"))
    with database.begin() as uow:
        if uow.pacs.find(pacs) is None:
            uow.pacs.put(Pacs(pacs, (endpoint,), plain=True), database.clock())
        for passport in passports:
            uow.case_sets.add(passport)
            uow.loads.plan(passport, pacs, database.clock())


def events_of(database: TestDatabase, kind: str, count: int = 1) -> list[Event]:
    """The events of a kind, newest first, once there are so many."""

    def kept() -> list[Event]:
        with database.begin() as uow:
            return uow.events.newest(kind=kind)

    return wait_until(lambda: kept() if len(kept()) >= count else [], f"{count} events")


def services_of(database: TestDatabase, **changes: Any) -> QueryServices:
    """What answers a C-FIND, over a database."""
    find = partial(find_matches, **{"read": database.begin, "index": QueryIndex(), **changes})

    note = partial(note_query, log=EventLog(database.begin), now=database.clock)
    return QueryServices(find, partial(find_worklist, read=database.begin), note)


def retrieving(
    database: TestDatabase, archive: LocalArchive, index: QueryIndex | None = None,
    peer: PacsPeer | None = None, patience: float = 0.0,
) -> RetrieveServices:  # fmt: skip
    """What answers a C-MOVE or C-GET, over a database and an archive."""
    return RetrieveServices(
        find=partial(
            find_wanted, read=database.begin, index=index or QueryIndex(), archive=archive
        ),
        send=partial(send_to, peer=peer or DimsePeer(), patience=patience),
        note=partial(note_retrieval, log=EventLog(database.begin), now=database.clock),
    )


def keep(archive: LocalArchive, *numbers: int) -> Passport:
    """Make cases of four small images each, safe in an archive; gives their passport."""
    cases = []
    for number in numbers or (101, 102):
        made = [an_image(number, view) for view in range(4)]
        for _, data, _ in made:
            archive.put(data)
        series = tuple(Series(uid, place + 1, "MG", (line,))
                       for place, (line, _, uid) in enumerate(made))  # fmt: skip
        study = Study(f"1.2.826.0.1.3680043.10.99.{number}.1", f"{number}", "20250101", series)
        cases.append(a_case(number, studies=(study,)))
    return replace(a_passport(), cases=tuple(cases))


def takes_nothing(_head: StoreHead) -> Any:
    """Nobody sends an object here."""
    raise AssertionError("an object came")


@contextmanager
def query_node(
    database: TestDatabase,
    archive: LocalArchive,
    peer: PacsPeer | None = None,
    *,
    patience: float = 0.0,
) -> Iterator[int]:
    """Run a node that answers questions, over a database and an archive; gives its port."""
    begin, now = database.begin, database.clock
    log = AssociationLog(begin=begin, read=begin, our_ae_title="PACSBRIDGE", now=now)
    services = NodeServices(
        admit=log.admit,
        open_reception=takes_nothing,
        end=log.end,
        end_stale=partial(associations.end_stale, begin=begin, now=now),
        sweep=archive.sweep,
        close=log.close,
        ask=partial(
            answer_question,
            queries=services_of(database, index=QueryIndex(study_time_in(archive))),
            retrievals=retrieving(database, archive, peer=peer, patience=patience),
        ),
    )
    node = Node(services, host="127.0.0.1", port=0, now=now)
    try:
        yield node.start()
    finally:
        node.stop(2.0)
