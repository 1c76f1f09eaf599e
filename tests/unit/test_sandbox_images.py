"""Synthetic mammograms: a plausible set with known truth, the same for the same seed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.truth_file import parse_truth
from pacs_bridge.sandbox.anatomy import HEIGHT, make_anatomies, millimetres, skin_distance
from pacs_bridge.sandbox.case_plan import plan_cases
from pacs_bridge.sandbox.images import make_images
from pacs_bridge.sandbox.lesions import in_pixels, make_lesion


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("images")
    make_images(directory, cases=3)
    return directory


@pytest.fixture(scope="module")
def truth(folder: Path):
    return json.loads((folder / "truth.json").read_text())["cases"]


def images(folder: Path):
    return [pydicom.dcmread(path) for path in sorted(folder.rglob("*.dcm"))]


def test_a_full_set_is_mixed_as_a_real_one():
    breasts = [b for c in plan_cases(64, 121) if c.kind == "test" for b in c.breasts]
    assert Counter(b.pathology for b in breasts) == {"malignant": 35, "benign": 5, "normal": 80}
    assert all(b.panel == "RECALL" for b in breasts if b.pathology == "malignant")
    assert all(b.panel == "RTS" for b in breasts if b.pathology == "normal")


def test_a_small_set_is_one_practice_case_and_test_cases():
    assert [c.number for c in plan_cases(4, 1)] == [1, 101, 102, 103]


def test_a_case_has_four_views_in_one_study(folder):
    for case in sorted(folder.glob("case[0-9]*")):
        four = images(case)
        assert len({ds.StudyInstanceUID for ds in four}) == 1
        assert {(ds.ImageLaterality, ds.ViewPosition) for ds in four} == {
            ("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"),
        }  # fmt: skip


def test_the_same_seed_gives_the_same_files(folder, tmp_path):
    make_images(tmp_path, cases=3)
    for path in folder.rglob("*.*"):
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_no_patient_number_could_pass_for_an_nhs_number(folder):
    assert not any(ds.PatientID.isdigit() for ds in images(folder))


def test_the_chest_wall_lies_where_patient_orientation_says(folder):
    for ds in images(folder):
        columns = ds.pixel_array.astype(float)[100:400].mean(axis=0)
        wall_right = columns[-20:].mean() > columns[:20].mean()
        assert wall_right == (ds.PatientOrientation[0] == "P") == (ds.ImageLaterality == "R")


def test_the_truth_is_one_that_the_product_takes(truth):
    known = {r["sop_instance_uid"] for c in truth for les in c["lesions"] for r in les["regions"]}
    parsed = parse_truth(
        {"cases": truth}, SetName(12, 1), lambda uid: uid if uid in known else None
    )
    assert len(parsed.cases) == 3


def test_every_abnormal_breast_has_its_lesion_on_both_views(truth):
    for case in truth:
        abnormal = {b["laterality"] for b in case["breasts"] if b["pathology"] != "normal"}
        assert {lesion["laterality"] for lesion in case["lesions"]} == abnormal
        for lesion in case["lesions"]:
            assert {r["view"] for r in lesion["regions"]} == {"CC", "MLO"}


def test_lesions_lie_inside_the_breast_on_their_own_image(folder, truth):
    by_uid = {ds.SOPInstanceUID: ds for ds in images(folder)}
    for lesion in (lesion for case in truth for lesion in case["lesions"]):
        for region in lesion["regions"]:
            ds = by_uid[region["sop_instance_uid"]]
            assert (ds.ImageLaterality, ds.ViewPosition) == (lesion["laterality"], region["view"])
            x, y = np.mean(region["points"], axis=0)
            around = ds.pixel_array[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4]
            assert around.mean() > 300


@pytest.mark.parametrize("seed", range(40))
def test_a_lesion_is_well_inside_the_outline_of_any_breast(seed):
    rng = np.random.default_rng(seed)
    forms = make_anatomies(rng)["R"].forms
    lesion = make_lesion(rng, forms, "mass", malignant=True)
    down, out = millimetres(512, 416)
    for view, place in lesion.places.items():
        distance = skin_distance(forms[view], down, out)
        row, column = int(place.down / HEIGHT * 512), int(place.out / HEIGHT * 512)
        assert distance[row, column] > 5


def test_an_ellipse_is_mirrored_with_its_image():
    rng = np.random.default_rng(1)
    lesion = make_lesion(rng, make_anatomies(rng)["L"].forms, "mass", malignant=False)
    place = lesion.places["CC"]
    plain = in_pixels(place, 512, 416, millimetres_per_pixel=0.56, mirrored=False)
    turned = in_pixels(place, 512, 416, millimetres_per_pixel=0.56, mirrored=True)
    assert np.allclose([(416 - x, y) for x, y in turned], plain)


def test_the_word_of_the_practice_case_is_printed_in_the_background(folder, truth):
    word = next(case for case in truth if case["number"] == 1)["word"]
    assert len(word) == 4
    ds = pydicom.dcmread(folder / "case001" / "RCC.dcm")
    corner = ds.pixel_array[-60:, :120]
    assert (corner > 3000).sum() > 100


def test_two_sets_of_different_size_share_no_uid(folder, tmp_path):
    make_images(tmp_path, cases=2)
    uids = [{ds.SOPInstanceUID for ds in images(each)} for each in (folder, tmp_path)]
    assert uids[0].isdisjoint(uids[1])


def test_a_folder_with_cases_of_another_set_is_refused(tmp_path):
    make_images(tmp_path, cases=3)
    make_images(tmp_path, cases=3)
    with pytest.raises(RefusedInput, match="case102"):
        make_images(tmp_path, cases=2)
