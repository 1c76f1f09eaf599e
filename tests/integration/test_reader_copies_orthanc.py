"""Two readers, one real PACS, one log-in: each draws on a copy, and no mark goes astray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pacs_bridge.sandbox.orthanc import Orthanc
from pacs_bridge.sandbox.viewer import Viewer
from pacs_bridge.wiring.peers import build_peer
from pacs_bridge.wiring.pulling import build_pull
from tests.copies_world import LOGIN, SET, CopiesWorld, a_mark_on, a_report, a_state, a_template
from tests.hospital import a_hospital
from tests.orthanc import running_orthanc

PLACES = {1: (3.25, 7.5), 2: (20.0, 30.75)}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_template(tmp_path_factory.mktemp("copies"))


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path / "orthanc") as running:
        yield running


def see_copies_apart(template: Path, folder: Path, port: int) -> None:
    """Load two copies into a PACS, let both readers draw there, and fetch what they saved."""
    with closing(CopiesWorld(template, folder, port)) as world:
        world.agree()
        world.make()
        peer = build_peer(world.home)
        assert [world.load(copy, peer) for copy in (1, 2)] == ["ready", "ready"]
        with Viewer(LOGIN, "SANDBOXVIEW", "HOSPITAL", "127.0.0.1", port) as viewer:
            for copy, place in PLACES.items():
                images = list(viewer.open_case(f"{SET}101{copy:02d}").images)
                assert len(images) == 4
                mark = a_mark_on(images[copy], *place)
                saved = [a_state(images, mark, uid=f"2.25.70{copy}"),
                         a_report(images, mark, uid=f"2.25.80{copy}")]  # fmt: skip
                assert viewer.store(saved) == 2
            for copy in PLACES:
                shown = viewer.open_case(f"{SET}101{copy:02d}").states
                assert {state.sop_instance_uid for state in shown} == {
                    f"2.25.70{copy}", f"2.25.80{copy}",
                }  # fmt: skip
        assert build_pull(world.home)("hospital", "").counts["fetched"] == 4
        assert world.work() == ["read"] * 4
        masters = {copy: str(world.images(0)[copy].SOPInstanceUID) for copy in PLACES}
        for copy, reader in ((1, "R001"), (2, "R002")):
            receipt = world.receipt(reader, copy=copy)
            assert {(mark.image, mark.centre) for mark in receipt.marks} == {
                (masters[copy], PLACES[copy])
            }


def test_two_readers_draw_in_orthanc_and_each_has_their_own_marks(
    template: Path, tmp_path: Path, orthanc: Orthanc
) -> None:
    """Proven by C-FIND, opened by C-GET, saved, found and fetched again: by GSPS and by SR."""
    see_copies_apart(template, tmp_path, orthanc.dicom_port)
    studies = [orthanc.get(f"/studies/{uid}") for uid in orthanc.get("/studies")]
    names = {study["MainDicomTags"]["AccessionNumber"] for study in studies}
    assert names == {f"{SET}{number}0{copy}" for number in ("001", "101") for copy in (1, 2)}


def test_two_readers_draw_in_the_simulated_pacs_and_each_has_their_own_marks(
    template: Path, tmp_path: Path
) -> None:
    """The same where the PACS is the simulated hospital's."""
    with a_hospital(tmp_path / "pacs") as hospital:
        see_copies_apart(template, tmp_path, hospital.port)
