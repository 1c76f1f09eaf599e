"""Reports and presentation states of other women, with names that must be found nowhere."""

from __future__ import annotations

import random
from typing import Any

from pydicom import Dataset

from tests.nodes import encode
from tests.unit.sr_builders import a_code, a_report, a_state, a_text, an_annotation, an_item

MARKER = "Zqxplant"  # in every name, number and text of theirs
UIDS = "1.2.826.0.1.77777"  # before every UID of theirs


def an_alien_object(number: int, chance: random.Random) -> tuple[str, str, bytes]:
    """One object of nobody here: SOP class, SOP Instance UID, data set in explicit VR."""
    make = chance.choice((_report, _state))
    ds = make(number, chance)
    _name(ds, number, chance)
    return str(ds.SOPClassUID), str(ds.SOPInstanceUID), encode(ds, undefined=chance.random() < 0.5)


def _uids(number: int) -> dict[str, Any]:
    return {
        "SOPInstanceUID": f"{UIDS}.{number}.1",
        "StudyInstanceUID": f"{UIDS}.{number}.2",
        "AccessionNumber": f"{MARKER}{number}",
    }


def _state(number: int, chance: random.Random) -> Dataset:
    image = f"{UIDS}.{number}.3"
    texts = [a_text(f"{MARKER} {number} {n}", 1, 1) for n in range(chance.randrange(1, 4))]
    return a_state(an_annotation(*texts, images=(image,)), images=(image,), **_uids(number))


def _report(number: int, chance: random.Random) -> Dataset:
    concept = a_code("121106", "DCM", "Comment")
    items = [
        an_item("TEXT", concept, TextValue=f"{MARKER} {number} {'x' * chance.randrange(4000)}")
        for _ in range(chance.randrange(1, 6))
    ]
    return a_report(*items, **_uids(number))


def _name(ds: Dataset, number: int, chance: random.Random) -> None:
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = f"{MARKER}{number}^Zoë^{chance.choice('ABC')}"
    ds.PatientID = f"{MARKER}{number}"
    ds.PatientBirthDate = f"19{chance.randrange(40, 80)}0101"
    for keyword in ("ReferringPhysicianName", "PerformingPhysicianName", "ContentCreatorName"):
        setattr(ds, keyword, f"{MARKER}{chance.randrange(999)}^Doctor")
    ds.StudyDescription = f"{MARKER} study"
    ds.InstitutionName = f"{MARKER} hospital"
    private = ds.private_block(0x0011, f"{MARKER} INC", create=True)
    private.add_new(0x01, "LO", f"{MARKER} private")
