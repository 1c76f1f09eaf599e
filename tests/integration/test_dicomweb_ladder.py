"""A whole set by few searches where a DICOMweb service can, by many where not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.loading import CaseVerdict, Completeness, Findable
from pacs_bridge.domain.profile import Outcome, QueryProfile, Rung
from pacs_bridge.domain.verdicts import judge_case
from pacs_bridge.scu.web_peer import WebPeer
from tests.loads import MG, START, a_passport
from tests.web_pacs import Request, asked_by_web, web_pacs

CASES = a_passport(None, 6).cases
BY_UID = {case.studies[0].study_instance_uid: case for case in CASES}


@dataclass
class Service:
    """A QIDO-RS service with its ways; counts what it is asked."""

    wildcards: bool = True
    lists: bool = True
    most: int = 1_000
    counts: bool = True
    strangers: tuple[str, ...] = ()
    most_asked: int | None = None
    warning: str = ""
    studies: int = 0
    images: int = 0

    def __call__(self, request: Request) -> None:
        target = urlsplit(request.line.split(" ")[1])
        asked = {key: value[0] for key, value in parse_qs(target.query).items()}
        parts = target.path.strip("/").split("/")
        if self.most_asked and int(asked.get("limit", 0)) > self.most_asked:
            return request.answer(400)
        if "instances" in parts:
            self.images += 1
            rows = self._images(parts[parts.index("studies") + 1], asked)
        elif parts[-1] == "studies":
            self.studies += 1
            found = self._studies(asked)
            if found is None:
                return request.answer(400)
            rows = found
        else:
            return request.answer(404)
        offset = int(asked.get("offset", 0)) and self.most  # pages are not known here
        body = json.dumps(rows[: self.most] if not offset else []).encode()
        return request.answer(200, body, **({"Warning": self.warning} if self.warning else {}))

    def _studies(self, asked: dict[str, str]) -> list[dict[str, Any]] | None:
        name, uids = asked.get("AccessionNumber", ""), asked.get("StudyInstanceUID", "")
        if (name.endswith("*") and not self.wildcards) or ("," in uids and not self.lists):
            return None
        wanted = uids.split(",") if uids else list(BY_UID)
        return [
            row(
                StudyInstanceUID=uid,
                AccessionNumber=BY_UID[uid].accession,
                PatientID=BY_UID[uid].patient_id,
                **({"NumberOfStudyRelatedInstances": 4} if self.counts else {}),
            )
            for uid in wanted
            if uid in BY_UID and matches(BY_UID[uid].accession, name)
        ]

    def _images(self, study: str, asked: dict[str, str]) -> list[dict[str, Any]]:
        ours = [image.sop_instance_uid for image in BY_UID[study].instances()]
        return [
            row(SOPInstanceUID=uid, SOPClassUID=MG, Rows=32, Columns=24)
            for uid in (*ours, *(f"{study}.{each}" for each in self.strangers))
            if asked.get("SOPInstanceUID", uid) == uid
        ]


def matches(value: str, wanted: str) -> bool:
    return not wanted or value == wanted or (wanted[-1] == "*" and value.startswith(wanted[:-1]))


_TAGS = {
    "StudyInstanceUID": "0020000D", "AccessionNumber": "00080050", "PatientID": "00100020",
    "NumberOfStudyRelatedInstances": "00201208", "SOPInstanceUID": "00080018",
    "SOPClassUID": "00080016", "Rows": "00280010", "Columns": "00280011",
}  # fmt: skip


def row(**elements: object) -> dict[str, Any]:
    return {_TAGS[key]: {"vr": "UN", "Value": [value]} for key, value in elements.items()}


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., list[PacsAnswer]]:
    def swept(service: Service, known: QueryProfile | None = None) -> list[PacsAnswer]:
        with web_pacs(service) as server:
            pacs = asked_by_web(server.port)
            pacs = replace(pacs, profile=known or pacs.profile)
            return list(WebPeer(tmp_path).find_cases(pacs, CASES))

    return swept


def judged(answers: list[PacsAnswer]) -> list[CaseVerdict]:
    return [
        judge_case(case, each, last_sent_at=None, now=START)
        for case, each in zip(CASES, answers, strict=True)
    ]


def are_good(answers: list[PacsAnswer]) -> bool:
    return all(
        (each.complete, each.findable) == (Completeness.PROVEN, Findable.AS_NAMED)
        for each in judged(answers)
    )


def test_a_set_costs_one_search_for_its_names_and_one_for_its_studies(sweep):
    service = Service()
    answers = sweep(service)
    assert are_good(answers)
    assert service.studies <= 4  # each once more, where its first page is no proof of the end
    assert service.images == len(CASES)
    assert answers[-1].learned.rungs == {
        Rung.WILDCARD: Outcome.WORKS,
        Rung.UID_LIST: Outcome.WORKS,
    }


def test_what_is_refused_is_learned_and_asked_for_one_by_one(sweep):
    service = Service(wildcards=False, lists=False)
    answers = sweep(service)
    assert are_good(answers)
    learned = answers[-1].learned
    assert learned.rungs[Rung.WILDCARD] is Outcome.REFUSED
    assert learned.rungs[Rung.UID_LIST] is Outcome.REFUSED
    again = Service(wildcards=False, lists=False)
    assert are_good(sweep(again, learned))
    assert again.studies < service.studies


def test_answers_that_are_cut_off_lose_no_case_and_no_image(sweep):
    answers = sweep(Service(most=1))
    assert are_good(answers)
    assert answers[-1].learned.cap == 1


def test_a_stranger_s_image_behind_a_cap_is_never_proven_away(sweep):
    for verdict in judged(sweep(Service(most=4, counts=False, strangers=("9",)))):
        assert verdict.complete is Completeness.COUNTED
        assert "stops after 4 answers" in verdict.instruction
    for verdict in judged(sweep(Service(counts=False, strangers=("9",)))):
        assert verdict.complete is Completeness.CONFLICT


def test_a_service_that_bears_no_limit_of_ours_is_asked_without_one(sweep):
    answers = sweep(Service(most_asked=100))
    assert are_good(answers)
    assert answers[-1].learned.counts is True


def test_a_service_that_says_that_it_has_more_and_gives_none_hides_something(sweep):
    """Of ours all are there; what it warns of may be somebody else's."""
    more = "299 pacs: There are 1 additional results that can be requested"
    for verdict in judged(sweep(Service(most=6, counts=False, warning=more))):
        assert verdict.complete is Completeness.COUNTED
    other = Service(counts=False, warning='299 - "fuzzymatching is not supported"')
    assert are_good(sweep(other))
