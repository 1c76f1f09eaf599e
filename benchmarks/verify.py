"""How quickly a set is proven in a PACS: IMAGE-level questions about 64 cases, one Orthanc.

The bare questions are those that are needed and nothing else: one wildcard for all accession
numbers, lists of 32 Study Instance UIDs, the images of each series; bytes made beforehand, over
a bare socket, no answer looked into. findscu puts six questions a case: the study by its UID,
each of its four series' images, the study by its accession number.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydicom import Dataset

from benchmarks.data import MAMMOGRAM, a_passport, encode_any, mammograms
from benchmarks.measure import Benchmark, Contest, Place, Side
from benchmarks.programs import NO_DELAY, program, running_orthanc
from benchmarks.wire import Call, CallFailed
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.sandbox.orthanc import Orthanc
from pacs_bridge.scu.peer import DimsePeer

_QUESTIONS = 6  # a case, or as many answers
_LIST = 32
_MODEL = "1.2.840.10008.5.1.4.1.2.2.1"
_STUDY_KEYS = (
    "StudyInstanceUID",
    "AccessionNumber",
    "PatientID",
    "PatientName",
    "NumberOfStudyRelatedInstances",
    "InstanceAvailability",
)
_IMAGE_KEYS = ("SOPInstanceUID", "SOPClassUID", "Rows", "Columns", "InstanceAvailability")


@contextmanager
def _open(place: Place) -> Iterator[Contest]:
    passport = a_passport(place.count(64, 2))
    with running_orthanc(place.folder / "orthanc", durable=False) as orthanc:
        with Call(orthanc.dicom_port, orthanc.ae_title, [MAMMOGRAM]) as call:
            for image in mammograms(len(passport.cases)):
                call.store(image.sop_class_uid, image.sop_instance_uid, image.data_set)
        files = [_questions(place.folder, case) for case in passport.cases]
        everything = [file for some in files for file in some]
        yield Contest(
            unit="cases/s",
            ours=_ours(orthanc, passport),
            peers={
                "the bare questions": _bare(orthanc, passport),
                "findscu, one run a case": _findscu(orthanc, files, len(files)),
                "findscu, one run for all": _findscu(orthanc, [everything], len(files)),
            },
            bars={"the bare questions": 1 / 1.5},
        )


def _ours(orthanc: Orthanc, passport: Passport) -> Side:
    endpoint = Endpoint(orthanc.ae_title, "127.0.0.1", orthanc.dicom_port, ("query",))
    pacs, peer = Pacs("hospital", (endpoint,), plain=True), DimsePeer()

    def side(_: int) -> float:
        started = time.perf_counter()
        answers = list(peer.find_cases(pacs, passport.cases))
        seconds = time.perf_counter() - started
        for case, answer in zip(passport.cases, answers, strict=True):
            study = answer.studies.get(case.studies[0].study_instance_uid)
            wanted = {image.sop_instance_uid for image in case.instances()}
            found = {each.sop_instance_uid for each in (study and study.images) or ()}
            if answer.error or not answer.by_name or found != wanted:
                raise CallFailed(f"case {case.accession} was not proven {answer.error}")
        return len(passport.cases) / seconds

    return side


def _bare(orthanc: Orthanc, passport: Passport) -> Side:
    questions = [encode_any(question) for question in _needed(passport)]

    def side(_: int) -> float:
        started = time.perf_counter()
        with Call(orthanc.dicom_port, orthanc.ae_title, [_MODEL]) as call:
            found = sum(call.find(_MODEL, question) for question in questions)
        seconds = time.perf_counter() - started
        if found != len(passport.cases) * _QUESTIONS:
            raise CallFailed(f"the bare questions were given {found} answers")
        return len(passport.cases) / seconds

    return side


def _needed(passport: Passport) -> Iterator[Dataset]:
    """Give the questions that prove a set where a PACS knows wildcards and lists."""
    prefix = passport.cases[0].accession[:-3]
    yield _question("STUDY", ("StudyInstanceUID", "PatientID"), AccessionNumber=f"{prefix}*")
    studies = [study for case in passport.cases for study in case.studies]
    for first in range(0, len(studies), _LIST):
        uids = [study.study_instance_uid for study in studies[first : first + _LIST]]
        yield _question("STUDY", _STUDY_KEYS, StudyInstanceUID="\\".join(uids))
    for study in studies:
        for series in study.series:
            yield _question(
                "IMAGE",
                _IMAGE_KEYS,
                StudyInstanceUID=study.study_instance_uid,
                SeriesInstanceUID=series.series_instance_uid,
            )


def _findscu(orthanc: Orthanc, runs: Sequence[Sequence[Path]], cases: int) -> Side:
    command = [
        program("findscu"), "-S", "-aec", orthanc.ae_title, "127.0.0.1", str(orthanc.dicom_port),
    ]  # fmt: skip

    def side(_: int) -> float:
        found = 0
        started = time.perf_counter()
        for files in runs:
            done = subprocess.run(
                [*command, *map(str, files)], capture_output=True, check=True, env=NO_DELAY
            )
            found += (done.stdout + done.stderr).count(b"(Pending)")
        seconds = time.perf_counter() - started
        if found != cases * _QUESTIONS:
            raise CallFailed(f"findscu was given {found} answers instead of {cases * _QUESTIONS}")
        return cases / seconds

    return side


def _questions(folder: Path, case: Case) -> list[Path]:
    """Write a case's questions as findscu's query files."""
    [study] = case.studies
    by_uid = _question("STUDY", _STUDY_KEYS, StudyInstanceUID=study.study_instance_uid)
    by_name = _question("STUDY", ("StudyInstanceUID", "PatientID"), AccessionNumber=case.accession)
    images = [
        _question(
            "IMAGE",
            _IMAGE_KEYS,
            StudyInstanceUID=study.study_instance_uid,
            SeriesInstanceUID=series.series_instance_uid,
        )
        for series in study.series
    ]
    files = []
    for number, question in enumerate([by_uid, *images, by_name]):
        path = folder / f"{case.accession}-{number}.dcm"
        path.write_bytes(encode_any(question))
        files.append(path)
    return files


def _question(level: str, wanted: Sequence[str], **match: str) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet, ds.QueryRetrieveLevel = "", level
    for keyword in wanted:
        setattr(ds, keyword, None)
    for keyword, value in match.items():
        setattr(ds, keyword, value)
    return ds


VERIFY = Benchmark(
    "verify",
    "64 cases proven at IMAGE level in one Orthanc; the bare questions in at least two thirds",
    (("Orthanc", "orthanc"), ("findscu", "dcmtk")),
    _open,
)
