"""A whole round on real images: a full-size mammogram (JPEG Lossless), a tomosynthesis (JPEG 2000).

From file to set, into a real Orthanc, proven, read, captured, scored; and what a viewer gets
back out of the PACS has the pixels of the original, value for value.
"""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from pacs_bridge.sandbox.orthanc import Modality
from pacs_bridge.sandbox.viewer import Viewer
from pacs_bridge.sr.read import read_object
from tests.orthanc import running_orthanc
from tests.peers import need_data
from tests.round import OutsideInstallation
from tests.waiting import wait_until

SET = "PERFORMS121"


def a_truth(number: int, source: pydicom.Dataset, laterality: str, view: str) -> dict:
    """A malignant breast with one lesion in the middle of the image; the other normal."""
    x, y = source.Columns / 2, source.Rows / 2
    half = min(source.Columns, source.Rows) / 8
    ends = [[x - half, y], [x + half, y], [x, y - half / 2], [x, y + half / 2]]
    other = "L" if laterality == "R" else "R"
    return {
        "number": number,
        "kind": "test",
        "study_instance_uid": str(source.StudyInstanceUID),
        "breasts": [
            {"laterality": laterality, "pathology": "malignant", "panel": "RECALL"},
            {"laterality": other, "pathology": "normal", "panel": "RTS"},
        ],
        "lesions": [
            {
                "lesion_id": f"{number}-1",
                "laterality": laterality,
                "finding": "mass",
                "malignant": True,
                "regions": [
                    {
                        "sop_instance_uid": str(source.SOPInstanceUID),
                        "laterality": laterality,
                        "view": view,
                        "shape": "ELLIPSE",
                        "points": ends,
                    }
                ],
            }
        ],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The two real files, with a list of cases and a truth of our own beside them."""
    sources = [
        need_data("dicom/fo_dicom/GH133.dcm"),
        need_data("dicom/medcognetics/tests__jpeg2k_3d.dcm"),
    ]
    directory = tmp_path / "images"
    directory.mkdir()
    with (directory / "cases.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["study_instance_uid", "number", "kind"])
        for number, source in zip((101, 102), sources, strict=True):
            (directory / source.name).symlink_to(source)
            ds = pydicom.dcmread(source, stop_before_pixels=True)
            writer.writerow([ds.StudyInstanceUID, number, "test"])
    return directory


@pytest.mark.slow
@pytest.mark.peer("orthanc")
def test_real_images_go_the_whole_round_with_their_pixels_unchanged(
    folder: Path, tmp_path: Path
) -> None:
    ours = OutsideInstallation(tmp_path)
    ours.command("case-set", "import", str(folder), "--prefix", SET, "--title", "Real", "--partial")
    images = {case["number"]: case["images"][0] for case in shown(ours)}
    sources = {
        101: pydicom.dcmread(folder / "GH133.dcm"),
        102: pydicom.dcmread(folder / "tests__jpeg2k_3d.dcm"),
    }
    truths = [
        a_truth(number, source, images[number]["laterality"], images[number]["view"])
        for number, source in sources.items()
    ]
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"cases": truths}))
    ours.command("truth", "import", SET, str(truth))

    node = Modality("bridge", "PACSBRIDGE", ours.node_port)
    with running_orthanc(tmp_path / "pacs", node, forward_to="bridge") as orthanc:
        ours.command(
            "pacs", "add", "hospital", "--aet", orthanc.ae_title, "--host", "127.0.0.1",
            "--port", str(orthanc.dicom_port), "--plain", "--isolation", "private",
        )  # fmt: skip
        ours.command("account", "site", "hospital", "--pacs", "hospital")
        ours.command("account", "reader", "R001", "--alias", "hospital:jsmith")
        roles = ours.start()
        try:
            roles.wait_ready("scorer", "jobs", "node", "web")
            status = json.loads(
                ours.command("load", "start", SET, "hospital", "--wait", "240", "--json")
            )
            assert [case["complete"] for case in status["cases"]] == ["proven", "proven"]
            address = f"{orthanc.ae_title}@127.0.0.1:{orthanc.dicom_port}"
            subprocess.run(
                ours.words(
                    "sandbox", "read", "--pacs", address, "--set", SET, "--truth", str(truth),
                    "--login", "jsmith", "--as", "both", "--skill", "1",
                )[:-2],
                check=True,
            )  # fmt: skip
            scored = "SELECT count(*) FROM pb_reading WHERE state = 'scored'"
            wait_until(lambda: ours.row(scored) == 2, "both readings scored", seconds=120)
            viewer = Viewer(
                "jsmith", "SANDBOXVIEW", orthanc.ae_title, "127.0.0.1", orthanc.dicom_port
            )
            with viewer:
                for number, source in sources.items():
                    (fetched,) = viewer.open_case(f"{SET}{number}").images
                    assert fetched.file_meta.TransferSyntaxUID == source.file_meta.TransferSyntaxUID
                    assert fetched.PatientName != source.PatientName
                    assert np.array_equal(fetched.pixel_array, source.pixel_array)
        finally:
            roles.stop()
    figures = json.loads(ours.command("results", "export", SET, "--format", "json"))
    localised = figures["readers"]["R001"]["lesions_localised"]
    assert (localised["numerator"], localised["denominator"]) == (2, 2)
    ours.command("results", "export", SET, str(tmp_path / "reports"), "--format", "sr")
    reports = [pydicom.dcmread(path) for path in (tmp_path / "reports").iterdir()]
    assert {report.AccessionNumber for report in reports} == {f"{SET}{n}" for n in sources}
    for report in reports:
        marks = [mark for mark in read_object(report).marks if mark.shape != "TEXT"]
        assert len(marks) == 1  # the state and the report of the viewer say the same one


def shown(ours: OutsideInstallation) -> list[dict]:
    """Cases of the set with their images, as `case-set show --json` prints them."""
    cases = ours.json("case-set", "show", SET)["cases"]
    return [
        {
            "number": case["number"],
            "images": [
                image
                for study in case["studies"]
                for series in study["series"]
                for image in series["instances"]
            ],
        }
        for case in cases
    ]
