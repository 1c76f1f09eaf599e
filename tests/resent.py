"""Images and evidence that a PACS sends to our node, and what became of them there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pydicom import Dataset

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.objects import ReceivedObject, Refusal
from pacs_bridge.services.came_back import judge_image
from tests.builders import a_passport
from tests.databases import TestDatabase
from tests.hostile.peer import Peer, Talk
from tests.mammograms import MAMMOGRAM, a_mammogram
from tests.nodes import OUR_IMAGE, OUR_STUDY, RunningNode, encode, register, running_node
from tests.raw_peer import p_data, pdu, store_rq
from tests.waiting import wait_until

PIXELS = struct.pack("<HH2sH", 0x7FE0, 0x0010, b"OW", 0)
CAPTURE, DOCUMENT = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.104.1"


def load(database: TestDatabase, passport: Passport | None = None) -> None:
    """Note that a set was loaded into the hospital's PACS."""
    with database.begin() as uow:
        uow.loads.plan(passport or a_passport(), "hospital", database.clock())


@contextmanager
def image_node(
    database: TestDatabase,
    folder: Path,
    *,
    archive: LocalArchive | None = None,
    grace: float = 10.0,
    **streams: Any,
) -> Iterator[RunningNode]:
    """A node into whose PACS the set of case PERFORMS121101 was loaded; it needs no free disk."""
    register(database)
    load(database)
    with running_node(
        database, folder, archive=archive, grace=grace, streams={"keep_free": 0, **streams}
    ) as node:
        yield node


def our_image(uid: str = OUR_IMAGE, **changes: Any) -> Dataset:
    """An image of case PERFORMS121101 as its PACS may have changed it."""
    told = {"SOPInstanceUID": uid, "StudyInstanceUID": OUR_STUDY, "AccessionNumber": "COERCED"}
    return a_mammogram(**{**told, **changes})


def with_overlay(ds: Dataset) -> Dataset:
    """An image with an overlay of one bit a pixel."""
    ds.add_new(0x60000010, "US", ds.Rows)
    ds.add_new(0x60000011, "US", ds.Columns)
    ds.add_new(0x60003000, "OW", bytes(-(-ds.Rows * ds.Columns // 16) * 2))
    return ds


def a_capture(**changes: Any) -> Dataset:
    """A picture of a screen with case PERFORMS121101 on it."""
    told = {"SOPInstanceUID": "1.2.3.7.1", "StudyInstanceUID": OUR_STUDY, "AccessionNumber": ""}
    return a_mammogram(**{**told, "SOPClassUID": CAPTURE, **changes})


def big_pixels(head: Dataset, size: int) -> Iterator[bytes]:
    """An encoded data set whose pixels have so many bytes, in parts."""
    head = Dataset(head)
    del head.PixelData
    yield encode(head) + PIXELS + struct.pack("<L", size)
    part = bytes(range(256)) * 256
    for start in range(0, size, len(part)):
        yield part[: size - start]


@contextmanager
def half_sent(
    port: int, uid: str = OUR_IMAGE, sop_class: str = MAMMOGRAM, **head: Any
) -> Iterator[Talk]:
    """An association in the middle of an object: a megabyte of its pixels has gone out."""
    with Peer(port).associate(sop_class) as talk:
        talk.connection.sendall(p_data(store_rq(sop_class, uid), is_command=True, last=True))
        sent = 0
        for part in big_pixels(our_image(uid, SOPClassUID=sop_class, **head), 8 << 20):
            talk.connection.sendall(p_data(part, is_command=False, last=False))
            sent += len(part)
            if sent > 1 << 20:
                break
        yield talk


def send_big(port: int, size: int, uid: str = OUR_IMAGE) -> int | None:
    """Send an image with so many bytes of pixels, without having it in memory; its status."""
    with Peer(port, timeout=120).associate(MAMMOGRAM) as talk:
        talk.connection.sendall(p_data(store_rq(MAMMOGRAM, uid), is_command=True, last=True))
        for part in big_pixels(our_image(uid), size):
            talk.connection.sendall(p_data(part, is_command=False, last=False))
        status = talk.ask(p_data(b"", is_command=False, last=True))
        talk.release()
    return status


def send_as_it_is(port: int, sop_class: str, uid: str, data: bytes) -> int | None:
    """Send bytes as a data set, whatever they say; gives the status."""
    return Peer(port).store(sop_class, uid, data)


A_ABORT = pdu(0x07, bytes(4))
A_CANCEL = p_data(
    struct.pack("<HHLL", 0, 0, 4, 30)
    + struct.pack("<HHLH", 0, 0x0100, 2, 0x0FFF)
    + struct.pack("<HHLH", 0, 0x0120, 2, 1)
    + struct.pack("<HHLH", 0, 0x0800, 2, 0x0101),
    is_command=True,
    last=True,
)


def spooled(node: RunningNode) -> list[Path]:
    """What lies in the spool."""
    return [path for path in node.files() if path.suffix == ".part"]


def wait_for_spool(node: RunningNode) -> Path:
    """The one file in the spool, once it is there and holds something."""
    return wait_until(
        lambda: next((path for path in spooled(node) if path.stat().st_size > 4096), None),
        "a file in the spool",
    )


def images(database: TestDatabase) -> list[ReceivedObject]:
    """All images that came back, oldest first."""
    with database.begin() as uow:
        found = [
            row for state in ("received", "read", "parked") for row in uow.objects.in_state(state)
        ]
    return [row for row in found if row.image is not None]


def refusals(database: TestDatabase) -> list[Refusal]:
    """All refusals."""
    with database.begin() as uow:
        return uow.refusals.newest()


def queued(node: RunningNode) -> list[tuple[str, tuple[Any, ...]]]:
    """The jobs that are due, now that the jobs role has looked for new objects."""
    node.hand_over()
    return node.database.jobs.jobs


def judge_all(node: RunningNode) -> list[str]:
    """Do the jobs that are due; gives what each came to."""
    judge = partial(
        judge_image, begin=node.database.begin, archive=node.archive, now=node.database.clock
    )
    due = [args[0] for job, args in queued(node) if job == "came_back"]
    node.database.jobs.jobs.clear()
    return [judge(key) for key in due]
