"""How quickly a PACS is answered: 64 matches of 10,000 studies, asked of ours and of Orthanc.

Ten keys come back, counts and modalities among them. Both are asked by the same bare socket,
over one association that stays open.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pydicom import Dataset

from benchmarks.data import MAMMOGRAM, WHEN, Encoded, a_mammogram, a_passport, encode, encode_any
from benchmarks.measure import Benchmark, Contest, Place, Side
from benchmarks.our_node import AE_TITLE, OurNode, running_node
from benchmarks.programs import running_orthanc
from benchmarks.wire import Call, CallFailed
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.identifiers import PERFORMS, CaseName, SetName

_MODEL = "1.2.840.10008.5.1.4.1.2.2.1"  # Study Root, FIND
_NUMBERS = PERFORMS.numbers()  # of one set
_TURNS = 20  # questions of one round
_KEYS = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ModalitiesInStudy",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "StudyInstanceUID",
    "StudyID",
    "NumberOfStudyRelatedInstances",
)


@contextmanager
def _open(place: Place) -> Iterator[Contest]:
    sets = place.count(157, 2)  # of 64 studies each
    passports = [_a_set(SetName(number // 10, number % 10)) for number in range(sets)]
    question = _question(f"{passports[sets // 2].set_name}*")
    with (
        running_node(place.folder / "home", passports[0]) as node,
        running_orthanc(place.folder / "orthanc", durable=False) as orthanc,
    ):
        _load(node, passports)
        with Call(orthanc.dicom_port, orthanc.ae_title, [MAMMOGRAM]) as call:
            for passport in passports:
                for each in map(_object, passport.cases):
                    call.store(each.sop_class_uid, each.sop_instance_uid, each.data_set)
        turns = place.count(_TURNS, 1)
        yield Contest(
            unit="matches/s",
            ours=_asker(node.port, AE_TITLE, question, turns),
            peers={"Orthanc": _asker(orthanc.dicom_port, orthanc.ae_title, question, turns)},
            bars={"Orthanc": 5.0},
        )


def _a_set(name: SetName) -> Passport:
    """A set of 64 cases, each a study of one image."""
    [template] = a_passport(1).cases
    cases = tuple(_a_case(template, CaseName(name, number)) for number in _NUMBERS)
    return replace(a_passport(1), set_name=str(name), cases=cases)


def _a_case(template: Case, name: CaseName) -> Case:
    root = f"1.2.826.0.1.3680043.10.98.{name.set_name.round}.{name.set_name.part}.{name.number}"
    [study] = template.studies
    [image] = study.series[0].instances
    series = replace(
        study.series[0],
        series_instance_uid=f"{root}.2",
        instances=(replace(image, sop_instance_uid=f"{root}.3"),),
    )
    return replace(
        template,
        accession=str(name),
        number=name.number,
        patient_id=str(name),
        patient_name=f"{name.set_name}^{name.number:03d}",
        studies=(replace(study, study_instance_uid=f"{root}.1", series=(series,)),),
    )


def _object(case: Case) -> Encoded:
    """A case's image without pixels: nobody looks at them."""
    [study] = case.studies
    [image] = study.instances()
    ds = a_mammogram(101, 0)
    ds.SOPInstanceUID, ds.SeriesInstanceUID = (
        image.sop_instance_uid,
        study.series[0].series_instance_uid,
    )
    ds.StudyInstanceUID, ds.StudyDate = study.study_instance_uid, study.study_date
    ds.AccessionNumber = ds.PatientID = case.accession
    ds.PatientName = case.patient_name
    for keyword in ("Rows", "Columns"):
        delattr(ds, keyword)
    return encode(ds)


def _load(node: OurNode, passports: list[Passport]) -> None:
    """Make the sets known, and known to have been loaded into the PACS that asks."""
    with node.installation.begin() as uow:
        for passport in passports[1:]:  # the first one stands in the home already
            uow.case_sets.add(passport)
            uow.loads.plan(passport, "hospital", WHEN)


def _question(accession: str) -> bytes:
    ds = Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    for keyword in _KEYS:
        setattr(ds, keyword, None)
    ds.AccessionNumber = accession
    return encode_any(ds)


def _asker(port: int, called: str, question: bytes, turns: int) -> Side:
    """Ask so many times over one association; gives matches a second."""

    def side(_: int) -> float:
        with Call(port, called, [_MODEL]) as call:
            started = time.perf_counter()
            for _ in range(turns):
                matches = call.find(_MODEL, question)
                if matches != len(_NUMBERS):
                    raise CallFailed(f"{called} gave {matches} matches")
            return turns * len(_NUMBERS) / (time.perf_counter() - started)

    return side


FIND = Benchmark(
    "find",
    "C-FIND with 64 matches of 10,000 studies, ten keys; ours with its event in the database",
    (("Orthanc", "orthanc"),),
    _open,
)
