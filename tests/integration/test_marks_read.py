"""``marks read``: the contract, on objects of every producer that we have."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pacs_bridge.cli.marks import app
from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.sr import codes
from pacs_bridge.sr.files import open_file, read_file
from pacs_bridge.sr.references import references
from pacs_bridge.sr.write import write_gsps, write_report
from tests.peers import DATA, ROOT, need_data
from tests.unit.sr_builders import RCC, four_views

DECISIONS = (BreastDecision("R", "RECALL", 4), BreastDecision("L", "RTS"))
MASS = Mark(
    RCC, None, "ELLIPSE", ((60, 80), (100, 80), (80, 70), (80, 90)), (80, 80), codes.MASS, 4,
    tracking_uid="2.25.7",
)  # fmt: skip
WHO = {
    "login": "READER1", "series_uid": "2.25.50", "sop_uid": "2.25.51",
    "when": datetime(2024, 1, 2, 10, 15, tzinfo=UTC),
}  # fmt: skip
KEYS = {
    "file", "sop_class_uid", "sop_instance_uid", "kind", "observer", "observed_at", "marks",
    "breasts", "refused",
}  # fmt: skip
MARK_KEYS = {
    "image", "frame", "shape", "points", "centre", "finding", "rating", "text", "laterality",
    "view", "item", "group", "flags",
}  # fmt: skip


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["read", *map(str, arguments)])
    return done.exit_code, done.stdout


@pytest.fixture
def folder(tmp_path):
    """A state, a report and their images."""
    write_gsps(four_views(), [MASS], DECISIONS, **WHO).save_as(tmp_path / "state.dcm")
    write_report(four_views(), [MASS], DECISIONS, **WHO).save_as(tmp_path / "report.dcm")
    (tmp_path / "images").mkdir()
    for image in four_views():
        image.save_as(
            tmp_path / "images" / f"{image.SOPInstanceUID}.dcm",
            implicit_vr=False,
            little_endian=True,
        )
    return tmp_path


def test_several_files_are_several_lines_of_the_contract_s_form(folder):
    code, out = run(folder / "state.dcm", folder / "report.dcm", "--json")
    state, report = map(json.loads, out.splitlines())
    assert code == 0
    for found, kind in ((state, "presentation-state"), (report, "measurement-report")):
        assert set(found) == KEYS
        assert found["kind"] == kind
        assert found["observer"]["login"] == "READER1"
        assert found["observed_at"] == "2024-01-02T10:15:00+00:00"
        mark = found["marks"][0]
        assert set(mark) == MARK_KEYS
        assert mark["points"] == [[60, 80], [100, 80], [80, 70], [80, 90]]
        assert mark["centre"] == [80, 80]
        assert (mark["rating"], mark["finding"]["value"]) == (4, "129788004")
        assert (mark["laterality"], mark["view"]) == (None, None)
        assert [(b["laterality"], b["decision"]) for b in found["breasts"]] == [
            ("R", "RECALL"), ("L", "RTS"),
        ]  # fmt: skip
        assert found["refused"] is None


def test_the_folder_of_images_tells_breast_and_view(folder):
    _, out = run(folder / "report.dcm", "--images", folder / "images", "--json")
    [mark] = json.loads(out)["marks"]
    assert (mark["laterality"], mark["view"], mark["flags"]) == ("R", "CC", [])


def test_without_json_a_person_reads_who_what_and_where(folder):
    code, out = run(folder / "state.dcm")
    assert code == 0
    for words in ("READER1", "right breast: RECALL, rating 4", "left breast: RTS", "ELLIPSE"):
        assert words in out


def test_without_json_a_person_reads_what_somebody_else_said_in_it_too(folder):
    ds = write_gsps(four_views(), [MASS], [], **WHO)
    [annotation] = ds.GraphicAnnotationSequence
    ds.GraphicLayerSequence[0].GraphicLayer = annotation.GraphicLayer = "MARY"
    ds.GraphicLayerSequence[0].GraphicLayerDescription = "Jones^Mary"
    ds.save_as(folder / "state.dcm")
    _, out = run(folder / "state.dcm")
    assert "and in it, by Jones^Mary" in out
    assert "ELLIPSE" in out


def test_a_file_that_is_no_dicom_is_said_and_the_others_are_read(folder):
    note = folder / "note.txt"
    note.write_text("M4 mass")
    code, out = run(note, folder / "missing.dcm", folder / "state.dcm", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [bool(line["refused"]) for line in lines] == [True, True, False]
    assert "not DICOM" in lines[0]["refused"]
    assert "no such file" in lines[1]["refused"]


@pytest.mark.parametrize("keep", [0, 1, 131, 132, 140, 300, 600])
def test_a_file_that_breaks_off_never_ends_in_a_traceback(folder, keep):
    broken = folder / "broken.dcm"
    broken.write_bytes((folder / "report.dcm").read_bytes()[:keep])
    code, out = run(broken, "--json")
    assert code in (0, 1)
    assert json.loads(out)["marks"] == []


def test_words_of_an_object_do_not_steer_the_terminal(folder):
    ds = write_gsps(four_views(), [MASS], [], **WHO)
    text = ds.GraphicAnnotationSequence[0].TextObjectSequence[0]
    text.UnformattedTextValue = "[red]M4[/red] \x1b[31m\x9b2J"
    ds.save_as(folder / "state.dcm")
    _, out = run(folder / "state.dcm")
    assert "[red]M4[/red]" in out
    assert "\x1b[31m" not in out
    assert "\x9b" not in out


def test_a_site_s_table_of_words_decides_and_a_mistake_in_it_is_said(folder):
    ds = write_gsps(four_views(), [MASS], [], **WHO)
    ds.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue = "R5 mass"
    ds.save_as(folder / "state.dcm")
    words = folder / "words.toml"
    words.write_text('[letters]\nR = "side"\n', encoding="utf-8")
    _, out = run(folder / "state.dcm", "--words", words, "--json")
    assert [mark["rating"] for mark in json.loads(out)["marks"]] == [5]
    _, out = run(folder / "state.dcm", "--json")
    assert json.loads(out)["marks"][0]["flags"] == ["side-or-scale"]
    words.write_text("[letters", encoding="utf-8")
    done = CliRunner().invoke(app, ["read", str(folder / "state.dcm"), "--words", str(words)])
    assert "not valid TOML" in str(done.exception)


def test_it_needs_no_home_and_answers_help_at_once(folder):
    command = [sys.executable, "-c", "from pacs_bridge.cli.marks import app; app()", "read"]
    done = subprocess.run(
        [*command, str(folder / "state.dcm"), "--json"],
        capture_output=True, text=True, timeout=180, cwd=ROOT, env={},
    )  # fmt: skip
    assert json.loads(done.stdout)["kind"] == "presentation-state"
    probe = "import sys, pacs_bridge.cli.marks; print({'pydicom', 'highdicom'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=180, cwd=ROOT
    )
    assert done.stdout.strip() == "set()"


# Everybody else's objects -----------------------------------------------------------------


def inventory() -> list[tuple[str, str, str]]:
    """Kind, file and description of each object listed beside the data."""
    listing = DATA / "dicom" / "INVENTORY.md"
    if not listing.exists():
        return []
    rows = [line.split("|") for line in listing.read_text(encoding="latin-1").splitlines()]
    return [(row[2], row[3], row[8]) for row in rows if len(row) > 9 and row[1] == "open"]


MARKED = [
    row for row in inventory()
    if row[0] in ("SR TID1500", "SR Mammo CAD", "SR other", "SR dose", "KOS", "Presentation state")
]  # fmt: skip
EXPECTED_KIND = {
    "SR TID1500": {"measurement-report"},
    "SR Mammo CAD": {"cad-sr"},
    "SR other": {"other-sr"},
    "SR dose": {"not-marks"},
    "KOS": {"key-object"},
    "Presentation state": {"presentation-state"},
}
ODD = {  # listed among the other reports, but of a class of their own
    "dcm4che/resources__Tag-0040-A170-VR-CS.dcm": {"other-sr"},
}


def graphics_of(description: str) -> Counter[str]:
    """The graphics that the inventory counts: ``graphics POLYLINE:4,POINT:1`` or ``{'…': 1}``."""
    listed = re.search(r"graphics ((?:[A-Z]+:\d+,?)+)", description)
    if listed:
        return Counter({k: int(v) for k, v in re.findall(r"([A-Z]+):(\d+)", listed[1])})
    listed = re.search(r"graphics \{([^}]*)\}", description)
    pairs = re.findall(r"'([A-Z]+)': (\d+)", listed[1]) if listed else []
    return Counter({kind: int(count) for kind, count in pairs})


@pytest.mark.skipif(not MARKED, reason="../shared/data/dicom does not ship with the project")
@pytest.mark.parametrize(("kind", "file", "description"), MARKED, ids=[row[1] for row in MARKED])
def test_each_listed_object_is_of_its_kind_with_every_graphic(kind, file, description):
    read, readable = read_file(need_data(f"dicom/{file}"))
    assert readable
    assert read.kind in ODD.get(file, EXPECTED_KIND[kind])
    shapes = Counter(
        "POLYLINE" if mark.shape == "POLYGON" else mark.shape
        for mark in read.marks if mark.shape != "TEXT"
    )  # fmt: skip
    assert shapes == graphics_of(description)
    assert read.marks or read.breasts or read.refused or read.kind == "not-marks"
    json.dumps(read.as_json(file), allow_nan=False)


EVERY = sorted(
    path for path in (DATA / "dicom").rglob("*")
    if path.is_file() and path.suffix not in (".md", ".xml", ".json", ".txt", ".csv")
) if (DATA / "dicom").exists() else []  # fmt: skip


@pytest.mark.skipif(not EVERY, reason="../shared/data/dicom does not ship with the project")
def test_no_file_of_anybody_ends_in_a_traceback():
    kinds = Counter(read_file(path)[0].kind for path in EVERY)
    assert sum(kinds.values()) == len(EVERY)
    assert kinds["presentation-state"] >= 7
    assert kinds["measurement-report"] >= 9


@pytest.mark.skipif(not EVERY, reason="../shared/data/dicom does not ship with the project")
@pytest.mark.parametrize("number", range(1, 5))
def test_a_viewer_s_polygon_agrees_with_its_independently_measured_area(number):
    """The states' texts hold the area that another program (ImageJ) found for the outline."""
    read, _ = read_file(need_data(f"dicom/clearcanvas/real0{number}.pr.dcm"))
    [mark] = read.marks
    area = int(re.search(r"A=(\d+)px", mark.text)[1])
    ring = [*mark.points, mark.points[0]]
    doubled = sum(ax * by - bx * ay for (ax, ay), (bx, by) in itertools.pairwise(ring))
    assert abs(doubled) / 2 == pytest.approx(area, rel=0.05, abs=5)
    assert mark.rating is None


@pytest.mark.skipif(not EVERY, reason="../shared/data/dicom does not ship with the project")
def test_aim_reports_agree_with_their_own_other_form():
    """Each AIM report lies beside the XML of the same annotation: another decoding of it."""
    folder = need_data("dicom/aim_ncip")
    checked = 0
    for path in sorted(folder.glob("*.dcm")):
        twin = path.with_suffix(".xml")
        if not twin.exists():
            continue
        text = twin.read_text(encoding="utf-8", errors="replace")
        xs = [float(x) for x in re.findall(r'\bx="([-\d.]+)"', text)]
        ys = [float(y) for y in re.findall(r'\by="([-\d.]+)"', text)]
        [mark] = read_file(Path(path))[0].marks
        assert list(mark.points) == list(zip(xs, ys, strict=True))
        checked += 1
    assert checked or not list(folder.glob("*.xml"))


@pytest.mark.skipif(not EVERY, reason="../shared/data/dicom does not ship with the project")
def test_every_image_that_a_mark_lies_on_is_among_the_references():
    for _, file, _ in MARKED:
        ds = open_file(need_data(f"dicom/{file}"))
        read = read_file(need_data(f"dicom/{file}"))[0]
        found = references(ds)
        assert {mark.image for mark in read.marks if mark.image} <= set(found.images), file
        assert read.referenced_images == found.images
