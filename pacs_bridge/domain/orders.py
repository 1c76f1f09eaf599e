"""Orders for test cases, as a site's RIS or PACS takes them: CSV, and HL7 v2.5.1 messages.

Many PACS file a study that nobody ordered under failed imports, or match it to a stranger.
An order with our accession number, patient ID and Study Instance UID lets them take it for
what it is.

References
----------
HL7 v2.5.1 chapters 2 (encoding, escapes), 3 (ADT^A28), 4 (OMI^O23, ORM^O01). IHE Radiology
TF-2 4.4 (RAD-4): ORC, OBR and IPC or ZDS of a procedure that is scheduled.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pacs_bridge.domain.caseset import Case, Passport, Study, describe_study

_COLUMNS = (
    "AccessionNumber", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate",
    "PatientSex", "StudyInstanceUID", "StudyID", "StudyDate", "Modality", "StudyDescription",
)  # fmt: skip
_ESCAPES = str.maketrans(
    {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": " ", "\n": " "}
)
_STRUCTURES = {"A28": "ADT^A28^ADT_A05", "O23": "OMI^O23^OMI_O23", "O01": "ORM^O01^ORM_O01"}


class OrderMessage(StrEnum):
    """Which HL7 messages a site's system understands."""

    ADT_A28 = "adt"
    OMI_O23 = "omi"
    ORM_O01 = "orm"


@dataclass(frozen=True)
class Addressee:
    """Who the messages are for: MSH-5 and MSH-6, as the site names them."""

    application: str = "RIS"
    facility: str = "HOSPITAL"


@dataclass(frozen=True)
class Order:
    """One study of one case, as somebody would have ordered it."""

    case: Case
    study: Study
    issuer: str
    description: str


def orders_of(passport: Passport) -> Iterator[Order]:
    """Give an order a study, priors included, in the set's order."""
    description = describe_study(passport.issuer, passport.title)
    for case in passport.cases:
        for study in case.studies:
            yield Order(case, study, passport.issuer, description)


def as_csv(passport: Passport) -> str:
    """Write a line a study under the DICOM keywords; no value can pass for a formula."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for order in orders_of(passport):
        case, study = order.case, order.study
        writer.writerow(
            _harmless(value)
            for value in (
                case.accession, case.patient_id, order.issuer, case.patient_name,
                case.birth_date, case.sex, study.study_instance_uid, study.study_id,
                study.study_date, study.series[0].modality, order.description,
            )
        )  # fmt: skip
    return file.getvalue()


def as_messages(
    passport: Passport, kind: OrderMessage, now: datetime, addressee: Addressee | None = None
) -> list[str]:
    """Write an HL7 message a study, or a patient for `ADT_A28`; segments end in a return.

    The same order gives the same control ID (MSH-10), so that sending it again is seen to be
    a repetition.
    """
    to = addressee or Addressee()
    if kind is OrderMessage.ADT_A28:
        first = {order.case.accession: order for order in reversed(list(orders_of(passport)))}
        return [_adt(first[case.accession], now, to) for case in passport.cases]
    write = _omi if kind is OrderMessage.OMI_O23 else _orm
    return [write(order, now, to) for order in orders_of(passport)]


def _adt(order: Order, now: datetime, to: Addressee) -> str:
    return _message(
        _header("A28", order, now, to),
        f"EVN|A28|{now:%Y%m%d%H%M%S}",
        _patient(order),
        "PV1|1|N",
    )


def _omi(order: Order, now: datetime, to: Addressee) -> str:
    number, uid = _escape(order.case.accession), _escape(order.study.study_instance_uid)
    modality = _escape(order.study.series[0].modality)
    return _message(
        _header("O23", order, now, to),
        _patient(order),
        _common(order, now),
        f"TQ1|1||||||{_escape(order.study.study_date)}",
        _request(order),
        f"IPC|{number}|{number}|{uid}|{number}|{modality}",
    )


def _orm(order: Order, now: datetime, to: Addressee) -> str:
    return _message(
        _header("O01", order, now, to),
        _patient(order),
        "PV1|1|N",
        _common(order, now),
        _request(order),
        f"ZDS|{_escape(order.study.study_instance_uid)}^PERFORMS^Application^DICOM",
    )


def _header(trigger: str, order: Order, now: datetime, to: Addressee) -> str:
    about = f"{trigger} {order.case.accession} {order.study.study_instance_uid}"
    control = hashlib.sha256(about.encode()).hexdigest()[:20].upper()
    return (
        f"MSH|^~\\&|PACSBRIDGE|{_escape(order.issuer)}|{_escape(to.application)}|"
        f"{_escape(to.facility)}|{now:%Y%m%d%H%M%S}||{_STRUCTURES[trigger]}|{control}|P|2.5.1"
        "|||AL|NE||ASCII"
    )


def _patient(order: Order) -> str:
    case = order.case
    name = "^".join(_escape(part) for part in case.patient_name.split("^"))
    number = f"{_escape(case.patient_id)}^^^{_escape(order.issuer)}^PI"
    return f"PID|1||{number}||{name}||{_escape(case.birth_date)}|{_escape(case.sex)}"


def _common(order: Order, now: datetime) -> str:
    number = _escape(order.case.accession)
    return f"ORC|NW|{number}|{number}||SC||||{now:%Y%m%d%H%M%S}"


def _request(order: Order) -> str:
    """Write OBR; placer and filler fields 18 to 20 hold the numbers too, where IHE has them."""
    number = _escape(order.case.accession)
    service = f"PERFORMS^{_escape(order.description)}^L"
    modality = _escape(order.study.series[0].modality)
    return f"OBR|1|{number}|{number}|{service}{'|' * 14}{number}|{number}|{number}||||{modality}"


def _message(*segments: str) -> str:
    return "\r".join(segments) + "\r"


def _escape(value: str) -> str:
    return value.translate(_ESCAPES)


def _harmless(value: str) -> str:
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") else value
