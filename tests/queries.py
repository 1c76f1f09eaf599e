"""Questions to our node in tests: their identifiers, and the services that answer them."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import Any

from pydicom import Dataset
from pydicom.filereader import read_dataset

from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.query import Root
from pacs_bridge.scp.query import QueryServices
from pacs_bridge.services.query import find_matches, note_query
from pacs_bridge.services.query_index import QueryIndex
from tests.databases import TestDatabase

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


def services_of(database: TestDatabase, **changes: Any) -> QueryServices:
    """What answers a C-FIND, over a database."""
    find = partial(find_matches, read=database.begin, index=QueryIndex(), **changes)

    def note(caller: Caller, root: Root, level: Any, status: int, matches: int) -> None:
        note_query(caller, root, level, status=status, matches=matches,
                   begin=database.begin, now=database.clock)  # fmt: skip

    return QueryServices(find, note)
