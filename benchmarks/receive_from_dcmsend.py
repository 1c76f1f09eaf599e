"""What a receiver takes in from DCMTK's own sender, which is how the bars were set.

The same images, receivers and promises as in `receive_large`; but `dcmsend` reads them from
files and sends them, a process an association, and what it costs is in everybody's figure, as
it is in a hospital's. The bare socket of `receive_large` is faster than any sender that a
hospital has, so there the receivers alone are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.data import Encoded, a_passport
from benchmarks.measure import OURS, Benchmark, Contest, Place
from benchmarks.programs import PDU, program, seconds_of
from benchmarks.receive_large import (
    CASES,
    Receiver,
    Receivers,
    Sender,
    images_of,
    passport_of,
    size_of,
    tomosynthesis_of,
)

_NEEDS = (("dcmsend", "dcmtk"), ("storescp", "dcmtk"))


def _dcmsend(folder: Path, objects: Sequence[Encoded]) -> Sender:
    """Write objects as files; gives who sends them from there."""
    files = {each.sop_instance_uid: str(each.save(folder).path) for each in objects}

    def send(receiver: Receiver, some: Sequence[Encoded]) -> None:
        seconds_of(
            program("dcmsend"),
            "-q",
            *PDU,
            *("-aet", "HOSPITAL", "-aec", receiver.called),
            *("127.0.0.1", str(receiver.port)),
            *(files[each.sop_instance_uid] for each in some),
        )

    return send


def _contest(
    ours: Receiver,
    peers: dict[str, Receiver],
    objects: Sequence[Encoded],
    send: Sender,
    bar: float,
    associations: int = 1,
) -> Contest:
    return Contest(
        "MB/s",
        ours.taking(objects, associations, send),
        {name: peer.taking(objects, associations, send) for name, peer in peers.items()},
        bars=dict.fromkeys(peers, bar),
        pids={OURS: ours.pid} | {n: peer.pid for n, peer in peers.items() if "fork" not in n},
    )


def _of_images(
    associations: Callable[[int], int], bar: float, *options: str
) -> Callable[[Place], Iterator[Contest]]:
    def contest(place: Place) -> Iterator[Contest]:
        images = images_of(place)
        send = _dcmsend(place.folder, images)
        with Receivers(place.folder) as receivers:
            ours = receivers.node(a_passport(CASES, size_of(place)))
            peers = {" ".join(("storescp", *options)): receivers.storescp(*options)}
            yield _contest(ours, peers, images, send, bar, associations(len(images)))

    return contest


@contextmanager
def _multiframe(place: Place) -> Iterator[Contest]:
    image = tomosynthesis_of(place)
    send = _dcmsend(place.folder, [image])
    with Receivers(place.folder) as receivers:
        ours = receivers.node(passport_of(image))
        yield _contest(ours, {"storescp": receivers.storescp()}, [image], send, 1.5)


LARGE_FROM_DCMSEND = Benchmark(
    "receive-large-dcmsend",
    "receive-large with dcmsend as the caller: ours safe on the disk, storescp's written",
    _NEEDS,
    contextmanager(_of_images(lambda _: 1, 0.8)),
)
MULTIFRAME_FROM_DCMSEND = Benchmark(
    "receive-multiframe-dcmsend",
    "receive-multiframe with dcmsend as the caller",
    _NEEDS,
    _multiframe,
)
PARALLEL_FROM_DCMSEND = Benchmark(
    "receive-parallel-dcmsend",
    "receive-parallel with as many dcmsend as associations",
    _NEEDS,
    contextmanager(_of_images(lambda count: count, 1.1, "--fork")),
)
