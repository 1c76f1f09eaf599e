"""The sandbox viewer at real PACS: Orthanc, and DCMTK's without C-GET."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
import pytest
import typer
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import CliRunner

from pacs_bridge.cli import sandbox_read
from pacs_bridge.domain.errors import NotFound, PeerUnavailable, RefusedInput
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.sandbox.orthanc import Modality
from pacs_bridge.sandbox.reader_set import read_set
from pacs_bridge.sandbox.viewer import Viewer
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.scu.store import store
from pacs_bridge.sr.read import read_object
from tests.loads import a_pacs
from tests.mammograms import write
from tests.orthanc import running_orthanc
from tests.peers import free_port, need
from tests.unit.sr_builders import MG, four_views
from tests.waiting import wait_until

SET = "PERFORMS121"
NUMBERS = (101, 102, 103)
PIXELS = np.arange(512 * 416, dtype="<u2").reshape(512, 416) % 4096


def a_case(number: int) -> list[pydicom.Dataset]:
    """Four whole mammograms of one case."""
    images = four_views()
    for place, image in enumerate(images):
        image.StudyInstanceUID = f"1.2.3.{number}"
        image.SeriesInstanceUID = f"1.2.3.{number}.9.{place}"
        image.SOPInstanceUID = f"1.2.3.{number}.{place}"
        image.AccessionNumber = image.PatientID = f"{SET}{number:03d}"
        image.PixelData = PIXELS.tobytes()
        image["PixelData"].VR = "OW"
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return images


def load(port: int, pacs: str = "HOSPITAL") -> None:
    images = [image for number in NUMBERS for image in a_case(number)]
    with TemporaryDirectory() as folder:
        sendables = [
            Sendable(
                write(image, Path(folder) / str(place)), MG,
                str(image.SOPInstanceUID), str(ExplicitVRLittleEndian),
            )
            for place, image in enumerate(images)
        ]  # fmt: skip
        answers = list(store(a_pacs(port, pacs), sendables))
    assert [answer.status for answer in answers] == [0x0000] * len(images)


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """One cancer in the right breast of each case."""
    points = [[120, 250], [160, 250], [140, 235], [140, 265]]
    regions = [
        {"sop_instance_uid": "9.9", "laterality": "R", "view": view, "shape": "ELLIPSE",
         "points": points} for view in ("CC", "MLO")
    ]  # fmt: skip
    lesion = {
        "lesion_id": "1", "laterality": "R", "finding": "mass", "malignant": True,
        "regions": regions,
    }  # fmt: skip
    cases = [{"number": n, "kind": "test", "breasts": [], "lesions": [lesion]} for n in NUMBERS]
    path = tmp_path_factory.mktemp("truth") / "truth.json"
    path.write_text(json.dumps({"cases": cases}))
    return path


@pytest.fixture
def pacs(tmp_path):
    port = free_port()
    viewer = Modality("viewer", "SANDBOXVIEW", port)
    with running_orthanc(tmp_path / "orthanc", viewer) as orthanc:
        load(orthanc.dicom_port)
        orthanc.viewer_port = port
        yield orthanc


def at(pacs, login="r1", **more) -> Viewer:
    return Viewer(login, "SANDBOXVIEW", "HOSPITAL", "127.0.0.1", pacs.dicom_port, **more)


def read(pacs, truth, login="r1", kind="gsps", **more):
    return read_set(
        "HOSPITAL", "127.0.0.1", pacs.dicom_port, SET, truth, login, kind, "expert", **more
    )


def stored(pacs) -> dict[str, pydicom.Dataset]:
    """The states and reports in the PACS, as they lie there."""
    found = {}
    for instance in pacs.find("Instance", SeriesDescription="Reading"):
        done = subprocess.run(
            ["curl", "-s", f"http://127.0.0.1:{pacs.http_port}/instances/{instance['ID']}/file"],
            capture_output=True, check=True,
        )  # fmt: skip
        ds = pydicom.dcmread(BytesIO(done.stdout))
        found[str(ds.SOPInstanceUID)] = ds
    return found


@pytest.mark.parametrize("retrieve", ["get", "move"])
def test_a_case_is_found_fetched_with_its_pixels_and_hung(pacs, retrieve):
    with at(pacs, retrieve=retrieve, listen_port=pacs.viewer_port) as viewer:
        case = viewer.open_case("PERFORMS121102")
        assert case.study_uid == "1.2.3.102"
        assert list(case.hang().places) == ["RCC", "LCC", "RMLO", "LMLO"]
        assert all(np.array_equal(image.pixel_array, PIXELS) for image in case.images)


def test_a_case_that_is_not_there_is_said(pacs):
    with at(pacs) as viewer, pytest.raises(NotFound, match="PERFORMS121160"):
        viewer.open_case("PERFORMS121160")


def test_nobody_listening_names_the_pacs_and_the_phase():
    viewer = Viewer("r1", "SANDBOXVIEW", "HOSPITAL", "127.0.0.1", free_port())
    with viewer, pytest.raises(PeerUnavailable) as caught:
        viewer.open_case("PERFORMS121101")
    assert caught.value.phase == "connect"


def test_a_reader_sees_their_own_marks_and_nobody_else_s(pacs, truth):
    read(pacs, truth, "r1", "both")
    read(pacs, truth, "r2", "gsps")
    for login, kinds in (("r1", {"presentation-state", "measurement-report"}),
                         ("r2", {"presentation-state"}), ("r3", set())):  # fmt: skip
        with at(pacs, login) as viewer:
            states = viewer.open_case("PERFORMS121101").states
        assert {state.kind for state in states} == kinds
        assert {state.observer.login for state in states} <= {login}


@pytest.mark.parametrize(("kind", "objects"), [("gsps", 3), ("sr", 3), ("both", 6)])
def test_a_set_is_read_and_saved_and_says_both_breasts_and_who(pacs, truth, kind, objects):
    steps = []
    summary = read(pacs, truth, kind=kind, progress=lambda done, total: steps.append((done, total)))
    found = stored(pacs)
    assert (summary.cases, summary.objects) == (3, objects)
    assert len(found) == objects
    assert steps == [(1, 3), (2, 3), (3, 3)]
    drawn: dict[str, set[str]] = {}
    for ds in found.values():
        back = read_object(ds)
        assert {b.laterality for b in back.breasts if b.decision} == {"R", "L"}
        assert back.observer.login == "r1"
        assert ds.AccessionNumber.startswith(SET)
        mine = {m.tracking_uid for m in back.marks if m.shape != "TEXT"}
        assert drawn.setdefault(ds.AccessionNumber, mine) == mine
    assert sum(map(len, drawn.values())) == summary.marks


def test_reading_again_saves_the_same_objects_again(pacs, truth):
    read(pacs, truth, kind="both")
    before = stored(pacs)
    summary = read(pacs, truth, kind="both")
    assert summary.objects == 6
    assert stored(pacs) == before


def test_a_pacs_without_c_get_moves_to_the_viewer(tmp_path, truth):
    with running_dcmqrscp(tmp_path) as (port, viewer_port):
        load(port)
        summary = read_set(
            "HOSPITAL", "127.0.0.1", port, SET, truth, "r1", "both",
            cases=[101], listen_port=viewer_port,
        )  # fmt: skip
    assert (summary.cases, summary.objects) == (1, 2)


@contextmanager
def running_dcmqrscp(folder):
    """DCMTK's PACS with C-GET off, which may move to the viewer."""
    program = need("dcmqrscp", "dcmtk")
    port, viewer_port = free_port(), free_port()
    (folder / "store").mkdir()
    config = folder / "dcmqrscp.cfg"
    config.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 131072\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nview = (SANDBOXVIEW, 127.0.0.1, {viewer_port})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nHOSPITAL {folder / 'store'} RW (500, 1024mb) ANY\nAETable END\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-c", str(config), "--disable-get"],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_until(lambda: answers(port), "dcmqrscp to answer")
            yield port, viewer_port
        finally:
            process.kill()
            process.wait(60)


def answers(port: int) -> bool:
    try:
        DimsePeer().echo(a_pacs(port))
    except PeerUnavailable:
        return False
    return True


# The command ------------------------------------------------------------------------------


def command(*words: object):
    app = typer.Typer()
    app.callback()(lambda: None)
    sandbox_read.register(app)
    return CliRunner().invoke(app, ["read", *map(str, words)])


def test_the_command_prints_one_json_line(pacs, truth):
    address = f"HOSPITAL@127.0.0.1:{pacs.dicom_port}"
    done = command(
        "--pacs", address, "--set", SET, "--truth", truth, "--login", "r1", "--as", "sr",
        "--skill", "expert", "--cases", "101,103", "--json",
    )  # fmt: skip
    assert done.exit_code == 0
    summary = json.loads(done.stdout)
    assert (summary["login"], summary["cases"], summary["objects"]) == ("r1", 2, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--pacs", "nowhere"), ("--pacs", "A@h:99999"), ("--cases", "x"), ("--cases", "999"),
        ("--skill", "genius"), ("--set", "121"), ("--truth", __file__),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_in_a_sentence(truth, wrong):
    options = {
        "--pacs": "HOSPITAL@127.0.0.1:4242", "--set": SET, "--truth": str(truth), "--login": "r1",
    }  # fmt: skip
    options[wrong[0]] = wrong[1]
    done = command(*(word for pair in options.items() for word in pair))
    assert isinstance(done.exception, RefusedInput)
    assert str(done.exception).endswith(".")
