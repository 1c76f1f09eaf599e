"""What a PACS is asked about marks, and what is made of answers that real ones rarely give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from pacs_bridge.domain.pulling import HeldMarks
from pacs_bridge.scu.marks_find import MarksFinder
from tests.builders import a_case
from tests.loads import a_pacs
from tests.scripted_pacs import Script, a_row, scripted_pacs

CASE, STUDY, MAMMOGRAMS, OTHER = "PERFORMS121101", "1.2.101.1", "1.2.101.2", "1.2.77.1"


def a_series(uid: str, modality: str, study: str = STUDY, **more: Any) -> dict[str, Any]:
    return {"StudyInstanceUID": study, "SeriesInstanceUID": uid, "Modality": modality, **more}


OURS = a_series(MAMMOGRAMS, "MG")


def ask(folder: Path, *rows: dict[str, Any], most: int = 99) -> tuple[HeldMarks, list[Dataset]]:
    """Ask a PACS that answers with these rows, by their levels, and knows one object a series."""

    def find(query: Dataset) -> list[tuple[int, Dataset | None]]:
        level, found = query.QueryRetrieveLevel, []
        if level == "IMAGE":
            series = str(query.SeriesInstanceUID)
            found = [
                a_row(SOPInstanceUID=f"{series}.1", SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1")
            ]
        for row in rows:
            is_of_level = ("SeriesInstanceUID" in row) == (level == "SERIES")
            asked = {key: str(query.get(key, "")) for key in ("StudyInstanceUID", "Modality")}
            matches = all(not want or row.get(key) == want for key, want in asked.items())
            if level != "IMAGE" and is_of_level and matches:
                found.append(a_row(**row))
        return [*((0xFF00, row) for row in found[:most]), (0x0000, None)]

    with scripted_pacs(Script(find)) as script:
        [held] = MarksFinder(None, folder).find_marks(a_pacs(script.port), [a_case(101)])
    return held, script.asked


def series_of(held: HeldMarks) -> list[str]:
    return sorted(each.series_instance_uid for each in held.marks)


def test_series_are_asked_for_by_modality_and_all_together(tmp_path: Path) -> None:
    rows = (a_series("1.2.3", "SR"), a_series("1.2.4", "CT"), a_series("1.2.5", ""))
    held, asked = ask(tmp_path, {**OURS, "Modality": ""}, *rows)
    assert (series_of(held), held.problems) == (["1.2.3", "1.2.5"], ())
    of_series = [query.Modality for query in asked if query.QueryRetrieveLevel == "SERIES"]
    assert of_series == ["", "PR", "SR", "KO"]


def test_no_question_about_studies_fits_more_than_one_case(tmp_path: Path) -> None:
    _, asked = ask(tmp_path, OURS)
    studies = [query for query in asked if query.QueryRetrieveLevel == "STUDY"]
    told = [(str(q.get("PatientID", "")), str(q.get("AccessionNumber", ""))) for q in studies]
    assert told == [(CASE, ""), ("", CASE)]
    others = [query for query in asked if query.QueryRetrieveLevel != "STUDY"]
    assert {str(query.StudyInstanceUID) for query in others} == {STUDY}


def test_a_study_of_its_own_is_looked_into_only_where_it_is_of_our_patient(
    tmp_path: Path,
) -> None:
    said = [(CASE, CASE), (CASE, ""), ("", CASE), ("", ""), (CASE, "9434765919")]
    rows = []
    for number, (study_says, series_says) in enumerate(said, 1):
        study = f"{OTHER}.{number}"
        rows.append({"StudyInstanceUID": study, "PatientID": study_says})
        rows.append(a_series(f"{study}.2", "SR", study, PatientID=series_says))
    held, asked = ask(tmp_path, OURS, *rows)
    # at SERIES level the standard leaves the patient out: then the study must have named ours
    assert series_of(held) == [f"{OTHER}.{number}.2" for number in (1, 2, 3)]
    assert all(each.elsewhere for each in held.marks)
    opened = {str(q.StudyInstanceUID) for q in asked if q.QueryRetrieveLevel == "IMAGE"}
    assert opened == {f"{OTHER}.{number}" for number in (1, 2, 3)}


def test_a_study_that_names_another_patient_is_not_asked_about(tmp_path: Path) -> None:
    study = {"StudyInstanceUID": OTHER, "PatientID": "9434765919", "AccessionNumber": CASE}
    held, asked = ask(tmp_path, OURS, study, a_series("1.2.77.2", "SR", OTHER))
    assert (held.marks, len(held.problems)) == ((), 1)
    assert OTHER not in {str(q.get("StudyInstanceUID", "")) for q in asked}


def test_lists_of_series_that_are_cut_off_are_told(tmp_path: Path) -> None:
    many = [a_series(f"1.2.{number}", "PR") for number in range(500, 506)]
    held, _ = ask(tmp_path, OURS, *many, most=4)
    assert len(held.marks) == 4
    assert "does not list all series" in held.problems[0]
    counted = {"StudyInstanceUID": STUDY, "PatientID": CASE, "NumberOfStudyRelatedSeries": "3"}
    held, _ = ask(tmp_path, OURS, a_series("1.2.3", "SR"), counted)
    assert (len(held.marks), len(held.problems)) == (1, 1)
