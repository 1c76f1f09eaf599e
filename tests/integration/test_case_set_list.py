"""A list says which study is which case, which are priors, and the word on case 001."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.case_set_builders import Desk, refusals, uid_of
from tests.mammograms import ROOT, a_folder, a_mammogram, write


def a_list(folder: Path, *lines: str, name: str = "cases.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(("study_instance_uid,number,kind,prior,word", *lines)), "utf-8-sig")
    return path


def test_a_list_beside_the_images_says_which_study_is_which_case(desk: Desk) -> None:
    a_folder(desk.folder, 3)
    a_list(desk.folder, f"{ROOT}.1,150,test,,", f"{ROOT}.2,002,practice,,", f"{ROOT}.3,1,,no,k7pq")
    cases = desk.take().passport.cases

    assert [(c.number, c.kind, c.word) for c in cases] == [
        (1, "practice", "K7PQ"), (2, "practice", ""), (150, "test", ""),
    ]  # fmt: skip
    assert cases[2].studies[0].study_instance_uid == uid_of(f"{ROOT}.1")


def test_the_word_is_taken_from_the_truth_file_too(desk: Desk) -> None:
    a_folder(desk.folder, 1)
    (desk.folder / "truth.json").write_text('{"cases": [{"number": 1, "word": "X4T9"}]}')

    assert desk.take().passport.cases[0].word == "X4T9"


def test_a_prior_study_is_a_study_of_its_case_as_long_ago_as_it_was(desk: Desk) -> None:
    write(a_mammogram(study=1, StudyDate="20190302"), desk.folder / "now.dcm")
    write(a_mammogram(study=2, StudyDate="20160302"), desk.folder / "before.dcm")
    a_list(desk.folder, f"{ROOT}.1,101,test,,", f"{ROOT}.2,101,test,yes,")
    (case,) = desk.take().passport.cases
    current, prior = case.studies
    image = desk.read(next(prior.instances()))

    assert (current.prior, prior.prior) == (False, True)
    assert (current.study_date, prior.study_date) == ("20261122", "20231123")
    assert (image.PatientID, image.AccessionNumber) == ("PERFORMS121101", "")
    assert prior.study_id == current.study_id + "P1"


def test_a_prior_study_that_is_not_earlier_is_refused(desk: Desk) -> None:
    write(a_mammogram(study=1, StudyDate="20190302"), desk.folder / "now.dcm")
    write(a_mammogram(study=2, StudyDate="20190302"), desk.folder / "same.dcm")
    a_list(desk.folder, f"{ROOT}.1,101,test,,", f"{ROOT}.2,101,test,yes,")

    assert "not of an earlier day" in refusals(desk)["same.dcm"]


@pytest.mark.parametrize(("lines", "where", "why"), [
    ([f"{ROOT}.1,101,test,,"], "study2/1.dcm", "not in the list"),
    ([f"{ROOT}.1,101,test,,", f"{ROOT}.2,102,test,,", f"{ROOT}.7,103,test,,"],
     f"{ROOT}.7", "not in the folder"),
    ([f"{ROOT}.1,101,test,,", f"{ROOT}.2,101,test,,"], "study2/1.dcm", "two studies"),
    ([f"{ROOT}.1,101,test,,", f"{ROOT}.2,102,test,,", f"{ROOT}.2,103,test,,"],
     "study2/1.dcm", "twice"),
    ([f"{ROOT}.1,101,test,,", f"{ROOT}.2,102,test,yes,"], "study2/1.dcm", "no current one"),
    ([f"{ROOT}.1,005,test,,"], "cases.csv, line 2", "outside this scheme"),
    ([f"{ROOT}.1,101,practice,,"], "cases.csv, line 2", "by its number it is test"),
    ([f"{ROOT}.1,one,,,"], "cases.csv, line 2", "not a case number"),
    (["../etc,101,,,"], "cases.csv, line 2", "not a DICOM UID"),
    ([f"{ROOT}.1,101,,maybe,"], "cases.csv, line 2", "neither yes nor no"),
    ([f"{ROOT}.1,101,,,LONGER"], "cases.csv, line 2", "four letters"),
])  # fmt: skip
def test_a_list_that_does_not_fit_is_refused_line_by_line(
    lines: list[str], where: str, why: str, desk: Desk
) -> None:
    a_folder(desk.folder, 2)
    a_list(desk.folder, *lines)

    assert why in refusals(desk)[where]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00nothing"])
def test_a_file_that_is_no_list_is_refused(content: bytes, desk: Desk, tmp_path: Path) -> None:
    a_folder(desk.folder, 1)
    (tmp_path / "list.csv").write_bytes(content)

    assert "list.csv" in refusals(desk, cases_csv=tmp_path / "list.csv")[""]
