"""After a round: truth and a reader's marks for viewers, judged and rendered by others."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.domain.reading import Reading
from pacs_bridge.services.feedback import write_feedback
from pacs_bridge.services.render_image import PictureRequest, render_frame
from pacs_bridge.services.truth import import_truth
from pacs_bridge.sr.feedback import READER_RGB, TRUTH_RGB
from pacs_bridge.sr.read import read_object
from tests.builders import NOON
from tests.case_set_builders import KEY_UID, SET, Desk, uid_of
from tests.case_set_builders import desk as desk
from tests.integration.test_sr_judges import errors_of_dciodvfy, said_by, saved
from tests.mammograms import ROOT, a_folder
from tests.peers import need

ROWS, COLUMNS = 240, 200
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
BREASTS = (BreastDecision("R", "RECALL", 4), BreastDecision("L", "RTS"))
ELLIPSE = [[60, 100], [120, 100], [90, 80], [90, 120]]
LESION = {
    "lesion_id": "M1", "laterality": "R", "finding": "mass", "malignant": True,
    "regions": [
        {"sop_instance_uid": f"{ROOT}.2.1.1", "shape": "ELLIPSE", "points": ELLIPSE},
        # Leaves the image on the right, as real outlines do.
        {"sop_instance_uid": f"{ROOT}.2.3.1", "shape": "CIRCLE", "points": [[190, 50], [215, 50]]},
    ],
}  # fmt: skip
TRUTH = {"cases": [{
    "number": 101, "kind": "test", "lesions": [LESION],
    "breasts": [
        {"laterality": "R", "pathology": "malignant", "panel": "RECALL"},
        {"laterality": "L", "pathology": "normal", "panel": "RTS"},
    ],
}]}  # fmt: skip
RCC, LCC, RMLO = (uid_of(f"{ROOT}.2.{image}.1") for image in (1, 2, 3))
MARKS = (
    Mark(RCC, None, "CIRCLE", ((92, 98), (102, 98)), (92, 98), None, 4, "by Dr Doe", "R", "CC"),
    Mark(LCC, None, "POINT", ((20.5, 30.5),), (20.5, 30.5), None, 3, "", "L", "CC"),
)


@pytest.fixture
def ended(desk: Desk) -> Desk:
    """A desk with a test case, its truth, a reader's closed reading, and a round just over."""
    look = {
        "VOILUTFunction": "LINEAR",
        "VOILUTSequence": None,
        "WindowCenterWidthExplanation": None,
    }
    a_folder(
        desk.folder, 2, rows=ROWS, columns=COLUMNS, WindowCenter=1500, WindowWidth=2800, **look
    )
    desk.take()
    import_truth(TRUTH, SET, begin=desk.database.begin, key_uid=KEY_UID, now=desk.database.clock)
    reading = Reading(
        "PERFORMS121101-R001", 1, "PERFORMS121", "PERFORMS121101", "R001", MARKS, BREASTS,
        ("1.2.3.1",), NOON,
    )  # fmt: skip
    with desk.database.begin() as uow:
        uow.rounds.put(Round("PERFORMS121", NOON - timedelta(days=9), NOON))
        uow.readers.add("R001", NOON)
        uow.readings.touch(
            reading_uid=reading.reading_uid, set_name=reading.set_name, reader="R001",
            accession=reading.accession, kind="test", pacs="", now=NOON,
        )  # fmt: skip
        uow.readings.close(reading, "closed", NOON)
    return desk


def feedback(desk: Desk, folder: Path, reader: str = "R001") -> dict[str, pydicom.Dataset]:
    """Write feedback; gives each file by its name."""
    paths = write_feedback(
        SET, folder, reader=reader, read=desk.database.begin, archive=desk.archive,
        key_uid=KEY_UID, now=desk.database.clock,
    )  # fmt: skip
    assert {path.parent.name for path in paths} <= {"PERFORMS121101"}
    return {path.name: pydicom.dcmread(path) for path in paths}


def test_truth_and_a_reader_s_marks_stand_in_layers_and_colours_of_their_own(
    ended: Desk, tmp_path: Path
) -> None:
    objects = feedback(ended, tmp_path / "out")
    states = [ds for ds in objects.values() if ds.SOPClassUID == GSPS]
    assert [state.Laterality for state in states] == ["R", "L"]
    right, left = states
    assert [layer.GraphicLayer for layer in right.GraphicLayerSequence] == ["TRUTH", "READER"]
    colours = [
        tuple(x.GraphicLayerRecommendedDisplayCIELabValue) for x in right.GraphicLayerSequence
    ]
    assert len(set(colours)) == 2
    assert [layer.GraphicLayer for layer in left.GraphicLayerSequence] == ["READER"]
    drawn = [mark for mark in read_object(right).marks if mark.shape != "TEXT"]
    assert [(mark.image, mark.shape) for mark in drawn] == [
        (RCC, "ELLIPSE"), (RMLO, "POLYGON"), (RCC, "CIRCLE"),
    ]  # fmt: skip
    assert max(x for x, _ in drawn[1].points) == COLUMNS  # cut off where the image ends
    assert all(ds.PatientID == "PERFORMS121101" for ds in objects.values())
    assert all("Doe" not in str(ds) for ds in objects.values())


def test_the_same_feedback_is_written_the_same_each_time(ended: Desk, tmp_path: Path) -> None:
    first = feedback(ended, tmp_path / "one")
    assert first == feedback(ended, tmp_path / "two")
    other = feedback(ended, tmp_path / "three", reader="")
    assert not {ds.SOPInstanceUID for ds in first.values()} & {
        ds.SOPInstanceUID for ds in other.values()
    }


def test_without_a_reader_nothing_of_any_reader_is_shown(ended: Desk, tmp_path: Path) -> None:
    objects = feedback(ended, tmp_path, reader="")
    assert sorted(objects) == ["capture-R-1.dcm", "capture-R-2.dcm", "state-R-1.dcm"]
    assert [x.GraphicLayer for x in objects["state-R-1.dcm"].GraphicLayerSequence] == ["TRUTH"]
    assert not has_colour(objects["capture-R-1.dcm"], READER_RGB)


def test_truth_is_written_for_nobody_while_anybody_may_read(ended: Desk, tmp_path: Path) -> None:
    with ended.database.begin() as uow:
        uow.pacs.put(Pacs("hospital", (Endpoint("HOSPITAL", "127.0.0.1", 104, ()),)), NOON)
        uow.sites.put(Site("north", "hospital"))
        uow.enrolments.put(Enrolment("PERFORMS121", "R001", "north", consent=True))
        uow.enrolments.extend("PERFORMS121", "R001", NOON + timedelta(days=2))
    with pytest.raises(RefusedInput, match="not closed for everybody"):
        feedback(ended, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    ended.database.clock.pass_(2 * 24 * 3600)
    assert feedback(ended, tmp_path / "out")


def test_an_unknown_reader_is_refused(ended: Desk, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no reader"):
        feedback(ended, tmp_path, reader="R999")


def test_dciodvfy_passes_every_object_and_no_broken_one(ended: Desk, tmp_path: Path) -> None:
    objects = feedback(ended, tmp_path)
    for name in objects:
        assert errors_of_dciodvfy(tmp_path / "PERFORMS121101" / name) == []
    for name, keyword in (
        ("state-R-1.dcm", "PresentationCreationDate"),
        ("capture-R-1.dcm", "Rows"),
    ):
        broken = objects[name]
        delattr(broken, keyword)
        assert errors_of_dciodvfy(saved(broken, tmp_path / name))


def test_dcmpschk_passes_each_state_and_no_broken_one(ended: Desk, tmp_path: Path) -> None:
    check = need("dcmpschk", "dcmtk")
    objects = feedback(ended, tmp_path)
    for name in ("state-R-1.dcm", "state-L-2.dcm"):
        assert "Test passed" in said_by(check, tmp_path / "PERFORMS121101" / name)[1]
    broken = objects["state-R-1.dcm"]
    del broken.DisplayedAreaSelectionSequence
    assert "Test passed" not in said_by(check, saved(broken, tmp_path / "broken.dcm"))[1]


def test_dcmtk_renders_an_image_through_the_state_as_we_render_it(
    ended: Desk, tmp_path: Path
) -> None:
    feedback(ended, tmp_path)
    state, image = tmp_path / "PERFORMS121101" / "state-R-1.dcm", archived(ended, RCC)
    code, said = said_by(need("dcmp2pgm", "dcmtk"), "-p", state, image, tmp_path / "theirs.pgm")
    assert code == 0, said
    theirs = np.asarray(Image.open(tmp_path / "theirs.pgm")).astype(int)
    ours = np.asarray(Image.open(BytesIO(render_frame(PictureRequest(image, 1))))).astype(int)
    assert theirs.shape == ours.shape == (ROWS, COLUMNS)
    assert np.abs(theirs - ours).max() <= 1
    assert np.ptp(ours) > 200


def test_a_capture_shows_marks_where_they_lie_and_the_image_everywhere_else(
    ended: Desk, tmp_path: Path
) -> None:
    capture = feedback(ended, tmp_path)["capture-R-1.dcm"]
    pixels = capture.pixel_array
    assert pixels.shape == (ROWS, COLUMNS, 3)
    for x, y in ELLIPSE:
        assert (pixels[y - 1 : y + 2, x - 1 : x + 2] == TRUTH_RGB).all(-1).any()
    assert (pixels[98 - 1 : 98 + 2, 102 - 1 : 102 + 2] == READER_RGB).all(-1).any()
    grey = np.asarray(Image.open(BytesIO(render_frame(PictureRequest(archived(ended, RCC), 1)))))
    foot = slice(ROWS - 60, ROWS)  # below all that is drawn
    assert (pixels[foot] == grey[foot, :, None]).all()
    assert capture.BurnedInAnnotation == "YES"


def test_words_beside_a_mark_at_the_edge_stay_within_the_picture(
    ended: Desk, tmp_path: Path
) -> None:
    pixels = feedback(ended, tmp_path)["capture-R-3.dcm"].pixel_array
    left_of_the_circle = pixels[60:, 100:160].astype(int)
    assert (left_of_the_circle[..., 1] - left_of_the_circle[..., 0]).max() > 100


def archived(desk: Desk, uid: str) -> Path:
    """Where an image of the set lies."""
    with desk.database.begin() as uow:
        images = [image for *_, image in uow.case_sets.get(str(SET)).instances()]
    [one] = [image for image in images if image.sop_instance_uid == uid]
    return desk.archive.path(one.content_hash)


def has_colour(capture: pydicom.Dataset, colour: tuple[int, int, int]) -> bool:
    return bool((capture.pixel_array == colour).all(-1).any())
