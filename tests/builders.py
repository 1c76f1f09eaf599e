"""Builders of domain values: each spells out only what a test is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pacs_bridge.domain.caseset import Case, Instance, Passport, Series, Study
from pacs_bridge.domain.marks import BreastDecision, Mark, Observer, ReadObject
from pacs_bridge.domain.objects import Caller, ReceivedObject

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
MG = "1.2.840.10008.5.1.4.1.1.1.2"
VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))


def an_image(number: int = 101, view: int = 0, **changes: Any) -> Instance:
    """One of a case's four images; UIDs say case and view."""
    laterality, position = VIEWS[view]
    image = Instance(
        sop_instance_uid=f"1.2.{number}.4.{view + 1}", sop_class_uid=MG,
        instance_number=view + 1, rows=512, columns=416, frames=1, laterality=laterality,
        view=position, transfer_syntax_uid="1.2.840.10008.1.2.1", pixel_hash="0" * 64,
        content_hash=f"{number:032d}{view:032d}", size=426_000,
    )  # fmt: skip
    return replace(image, **changes)


def a_case(number: int = 101, **changes: Any) -> Case:
    """A case of PERFORMS121 with four images in one study."""
    accession = f"PERFORMS121{number:03d}"
    series = Series(f"1.2.{number}.2", 1, "MG", tuple(an_image(number, v) for v in range(4)))
    case = Case(
        accession=accession, number=number, kind="practice" if number < 5 else "test",
        patient_id=accession, patient_name=f"PERFORMS121^{number:03d}",
        birth_date=f"1950{1 + number % 12:02d}01", sex="F",
        studies=(Study(f"1.2.{number}.1", f"S{number}", "20260101", (series,)),),
    )  # fmt: skip
    return replace(case, **changes)


def a_passport(*numbers: int) -> Passport:
    """A passport of PERFORMS121 with these cases (practice 1 and test 101 unless told)."""
    cases = tuple(a_case(n) for n in numbers or (1, 101))
    return Passport("PERFORMS121", "SA12 part 1", "PERFORMS", NOON, cases)


def a_mark(**changes: Any) -> Mark:
    """A point on the RCC image of case 101, rated 4."""
    mark = Mark(
        image="1.2.101.4.1", frame=None, shape="POINT", points=((100.0, 200.0),),
        centre=(100.0, 200.0), rating=4, laterality="R", view="CC",
    )  # fmt: skip
    return replace(mark, **changes)


def both_decided(right: str = "RECALL", left: str = "RTS") -> tuple[BreastDecision, ...]:
    """A decision for each breast."""
    return (BreastDecision("R", right), BreastDecision("L", left))  # type: ignore[arg-type]


def a_read_object(uid: str = "1.2.3.1", **changes: Any) -> ReadObject:
    """What was read out of a presentation state of reader jsmith about case 101."""
    read = ReadObject(
        sop_class_uid=GSPS, sop_instance_uid=uid, kind="presentation-state",
        observer=Observer(login="jsmith"), marks=(a_mark(),), breasts=both_decided(),
        referenced_images=("1.2.101.4.1",), referenced_studies=("1.2.101.1",),
    )  # fmt: skip
    return replace(read, **changes)


def a_received_object(uid: str = "1.2.3.1", **changes: Any) -> ReceivedObject:
    """An object that the node answered Success to and nobody has looked into."""
    received = ReceivedObject(
        sop_instance_uid=uid, sop_class_uid=GSPS, transfer_syntax_uid="1.2.840.10008.1.2.1",
        content_hash="a" * 64, same_content="b" * 64, size=4000,
        caller=Caller("HOSPITAL", "PACSBRIDGE", "127.0.0.1", "hospital"),
        accession="PERFORMS121101", received_at=NOON,
    )  # fmt: skip
    return replace(received, **changes)
