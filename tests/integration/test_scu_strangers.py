"""What stands in a study beside our images, where a PACS says little of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset

from pacs_bridge.domain.loading import CaseVerdict, Completeness
from pacs_bridge.domain.verdicts import judge_case
from pacs_bridge.scu.peer import DimsePeer
from tests.loads import MG, START, a_pacs, a_passport
from tests.scripted_pacs import Script, a_row, scripted_pacs

CASE = a_passport(None, 1).cases[0]
STUDY = CASE.studies[0]
IMAGES = {s.series_instance_uid: [s.instances[0].sop_instance_uid] for s in STUDY.series}
OWN = STUDY.series[0].series_instance_uid
Rows = list[tuple[int, Dataset | None]]


class Bare:
    """Answers with unique keys alone.

    Parameters
    ----------
    others : dict of str to str
        SOP Instance UID and SOP class of what stands in a series that is not ours.
    matches_kind : bool
        Whether it looks at a SOP class that is asked for.
    """

    def __init__(self, others: dict[str, str], *, matches_kind: bool = True) -> None:
        self.others, self.matches_kind = others, matches_kind
        self.images = {uid: list(held) for uid, held in IMAGES.items()}
        if others:
            self.images["1.2.9"] = list(others)

    def __call__(self, query: Dataset) -> Rows:
        if query.QueryRetrieveLevel == "STUDY":
            uid, name = query.get("StudyInstanceUID"), query.get("AccessionNumber")
            is_ours = uid == STUDY.study_instance_uid or name == CASE.accession
            rows = [a_row(StudyInstanceUID=STUDY.study_instance_uid)] if is_ours else []
        elif query.QueryRetrieveLevel == "SERIES":
            rows = [a_row(SeriesInstanceUID=uid) for uid in self.images]
        else:
            rows = [
                a_row(SOPInstanceUID=uid)
                for uid in self.images.get(query.SeriesInstanceUID, [])
                if self._is_asked_for(uid, query)
            ]
        return [*((0xFF00, row) for row in rows), (0x0000, None)]

    def _is_asked_for(self, uid: str, query: Dataset) -> bool:
        kind = query.get("SOPClassUID")
        is_kind = not kind or not self.matches_kind or self.others.get(uid, MG) == kind
        return is_kind and query.get("SOPInstanceUID") in ("", None, uid)


@pytest.fixture(scope="module")
def server() -> Iterator[Script]:
    with scripted_pacs(Script()) as script:
        yield script


def judged(server: Script, find: Bare) -> CaseVerdict:
    server.find = find
    answer = DimsePeer().find_case(a_pacs(server.port), CASE)
    return judge_case(CASE, answer, last_sent_at=None, now=START)


STATE = "1.2.840.10008.5.1.4.1.1.11.1"


def test_what_a_reader_saved_is_told_from_a_mammogram_by_asking_for_its_kind(server):
    assert judged(server, Bare({"1.2.9.1": STATE})).complete is Completeness.PROVEN
    assert judged(server, Bare({"1.2.9.1": MG})).complete is Completeness.CONFLICT


def test_what_is_in_a_series_of_ours_is_an_image_of_that_kind(server):
    find = Bare({}, matches_kind=False)
    find.images[OWN] = [*find.images[OWN], "1.2.9.1"]
    assert judged(server, find).complete is Completeness.CONFLICT


def test_what_cannot_be_told_from_a_mammogram_keeps_a_case_from_being_proven(server):
    verdict = judged(server, Bare({"1.2.9.1": STATE}, matches_kind=False))
    assert verdict.complete is Completeness.COUNTED
    assert "does not tell us of what kind" in verdict.instruction
