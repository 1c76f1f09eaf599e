"""Marks and images from PACS that know Patient Root alone, or refuse to deal in single objects."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pulling import Pulled
from pacs_bridge.domain.retrieving import Asked
from pacs_bridge.scu.get import get as ask_get
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.upper_layer.requestor import ContextsRefused
from pacs_bridge.wiring.node import build_node
from pacs_bridge.wiring.pulling import build_pull
from tests.homes import a_home
from tests.hospital import a_hospital
from tests.integration.test_scu_retrieve_liars import KINDS, SOME, Shelf, bring, end, get
from tests.loads import a_pacs
from tests.peers import free_port, need
from tests.pulling import CASE, World, a_mark, at_pacs
from tests.unit.sr_builders import a_graphic, a_state, an_annotation
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "home"
    a_home(folder).engine.dispose()
    return folder


def counts(pulled: Pulled) -> tuple[int, ...]:
    """Found, had, fetched, refused, failed, unasked."""
    return tuple(pulled.counts.values())


@contextmanager
def dcmqrscp(folder: Path, port: int, node: int, *options: str) -> Iterator[None]:
    """DCMTK's PACS without the Study Root model; it may move to our node."""
    program = need("dcmqrscp", "dcmtk")
    (folder / "store").mkdir()
    config = folder / "dcmqrscp.cfg"
    config.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 131072\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nnode = (PACSBRIDGE, localhost, {node})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nHOSPITAL {folder / 'store'} RW (500, 1024mb) ANY\nAETable END\n"
    )
    with (folder / "log").open("wb") as log:
        words = [program, "-c", str(config), "--no-study-root", *options]
        process = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            wait_until(lambda: _answers(port), "dcmqrscp to answer")
            yield
        finally:
            process.kill()
            process.wait(60)


def _answers(port: int) -> bool:
    try:
        DimsePeer().echo(a_pacs(port))
    except PeerUnavailable:
        return False
    return True


def test_marks_come_by_c_get_from_a_pacs_with_patient_root_alone(
    tmp_path: Path, empty: Path
) -> None:
    world = World(empty, tmp_path, free_port())
    with dcmqrscp(tmp_path, world.port, free_port()):
        world.save(a_mark(), a_mark("1.2.3.9.3"))
        first, again = world.pull(), world.pull()
        one = ask_get(
            world.pacs,
            Asked("1.2.101.1", patient_id=CASE),
            Shelf().open,
            kinds=[(str(a_mark().SOPClassUID), ("1.2.840.10008.1.2.1",))],
        )
    assert (counts(first), counts(again)) == ((2, 0, 2, 0, 0, 0), (2, 2, 0, 0, 0, 0))
    assert world.work() == ["read", "read"]
    assert len(one.arrived) == 2


def test_marks_come_by_c_move_from_a_pacs_with_patient_root_alone(
    tmp_path: Path, empty: Path
) -> None:
    world = World(empty, tmp_path, free_port())
    node = build_node(world.home)
    try:
        with dcmqrscp(tmp_path, world.port, node.start(), "--disable-get"):
            world.save(a_mark(), a_mark("1.2.3.9.3"))
            pulled = world.pull()
    finally:
        node.stop()
    assert counts(pulled) == (2, 0, 2, 0, 0, 0)
    assert world.objects()["1.2.3.9.3"].originator.ae_title == "PACSBRIDGE"


def test_without_a_patient_a_pacs_with_patient_root_alone_is_not_asked(
    tmp_path: Path,
) -> None:
    with a_hospital(tmp_path / "pacs", quirks=("no-study-root",)) as hospital:
        pacs = a_pacs(hospital.port)
        with pytest.raises(ContextsRefused):
            ask_get(pacs, Asked("1.2.101.1"), Shelf().open, kinds=KINDS)
        with pytest.raises(ContextsRefused):
            DimsePeer().move(pacs, Asked("1.2.101.1"))


def test_series_that_a_pacs_does_not_list_come_whole_and_again_only_when_they_grow(
    tmp_path: Path, empty: Path
) -> None:
    with a_hospital(tmp_path / "pacs", quirks=("refuse-image-level",)) as hospital:
        world = World(empty, tmp_path, hospital.port)
        world.save(a_mark(), a_mark("1.2.3.9.3"))
        asked: list[Asked] = []
        pull: Any = _watched(world, asked)
        first, again = pull("hospital"), pull("hospital")
        world.save(a_mark("1.2.3.9.4"))
        grown = pull("hospital")
    assert (counts(first), counts(again)) == ((2, 0, 2, 0, 0, 0), (2, 2, 0, 0, 0, 0))
    assert (counts(grown), [each.level for each in asked]) == ((3, 2, 1, 0, 0, 0), ["SERIES"] * 2)
    assert first.is_whole
    assert world.work() == ["read"] * 3


def _watched(world: World, asked: list[Asked]) -> Any:
    """A pull of which every C-GET is noted."""
    pull = build_pull(world.home)
    fetch = pull.keywords["fetch"]  # type: ignore[attr-defined]

    class Noting:
        def get(self, pacs: Any, each: Asked, *rest: Any, **more: Any) -> Any:
            asked.append(each)
            return fetch.retriever.get(pacs, each, *rest, **more)

        def move(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("all came by C-GET")

    pull.keywords["fetch"] = replace(fetch, retriever=Noting())  # type: ignore[attr-defined]
    return pull


def test_unlisted_series_are_moved_to_our_node_where_there_is_no_get(
    tmp_path: Path, empty: Path
) -> None:
    home = World(empty, tmp_path, free_port())
    node = build_node(home.home)
    know = (("PACSBRIDGE", "127.0.0.1", node.start()),)
    settings = {"port": home.port, "know": know, "quirks": ("refuse-image-level",)}
    try:
        with a_hospital(tmp_path / "pacs", **settings):
            home.save(a_mark(), a_mark("1.2.3.9.3"))
            pull: Any = _moving(home)
            first, again = pull("hospital"), pull("hospital")
    finally:
        node.stop()
    assert (counts(first), counts(again)) == ((2, 0, 2, 0, 0, 0), (2, 2, 0, 0, 0, 0))
    assert set(home.objects()) == {"1.2.3.9.1", "1.2.3.9.3"}


def _moving(world: World) -> Any:
    """A pull of which every C-GET is refused."""
    pull = build_pull(world.home)
    fetch = pull.keywords["fetch"]  # type: ignore[attr-defined]

    class Moving:
        def get(self, pacs: Any, *_: Any, **__: Any) -> Any:
            raise ContextsRefused(pacs.name, "association", "it offers no C-GET; try C-MOVE")

        def move(self, *asked: Any, **more: Any) -> Any:
            return fetch.retriever.move(*asked, **more)

    pull.keywords["fetch"] = replace(fetch, retriever=Moving())  # type: ignore[attr-defined]
    return pull


def test_a_c_get_that_is_refused_at_image_level_is_asked_for_the_series() -> None:
    def refuse_images(line: Any, request: Any) -> None:
        line.answer(request.answer(0xA900))
        again = line.message()[0]
        bring(line, SOME.sop_instance_uids[0])
        bring(line, "1.9.9")  # what was not asked for
        bring(line, SOME.sop_instance_uids[1])
        end(line, again, completed=3, failed=0, warning=0)

    shelf = Shelf()
    got = get(refuse_images, shelf=shelf)
    assert (got.arrived, got.missing) == (SOME.sop_instance_uids, ())
    assert (list(shelf.kept), got.refused) == (list(SOME.sop_instance_uids), ("1.9.9",))


def test_what_has_come_is_not_asked_for_a_second_time_by_its_series() -> None:
    asked = []

    def fail_halfway(line: Any, request: Any) -> None:
        asked.append(request)
        bring(line, SOME.sop_instance_uids[0])
        end(line, request, 0xA900, completed=1, failed=1, warning=0)

    got = get(fail_halfway)
    assert (got.arrived, len(asked)) == (SOME.sop_instance_uids[:1], 1)


def test_a_state_of_another_series_is_not_taken_with_an_unlisted_one(
    tmp_path: Path, empty: Path
) -> None:
    other = a_state(
        an_annotation(a_graphic("POINT", 5.0, 6.0), images=("1.2.102.4.1",)),
        images=("1.2.102.4.1",), SOPInstanceUID="1.2.3.9.8", StudyInstanceUID="1.2.102.1",
    )  # fmt: skip
    other = at_pacs(other, "PR", 8, PatientID="PERFORMS121102", AccessionNumber="PERFORMS121102")
    with a_hospital(tmp_path / "pacs", quirks=("refuse-image-level", "no-study-root")) as hospital:
        world = World(empty, tmp_path, hospital.port)
        world.save(a_mark(), other)
        pulled = world.pull()
    assert {each.accession: each.fetched for each in pulled.cases} == {
        CASE: 1, "PERFORMS121102": 1,
    }  # fmt: skip
    assert pulled.is_whole
