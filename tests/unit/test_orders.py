"""Orders for test cases: what a RIS is given, field by field."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.orders import Addressee, OrderMessage, as_csv, as_messages
from tests.loads import a_passport

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def passport() -> Passport:
    return a_passport(None, 2)


def fields(message: str, segment: str) -> list[str]:
    """One segment's fields, at their numbers; of MSH too, whose first is the separator."""
    [line] = [line for line in message.split("\r") if line.startswith(segment + "|")]
    return ["", *line.split("|")] if segment == "MSH" else line.split("|")


# The validator takes every alternative of ORM^O01's choice (OBR, RQD, ODS …) for required.
@pytest.mark.parametrize("kind", [OrderMessage.ADT_A28, OrderMessage.OMI_O23])
def test_a_strict_validator_of_version_2_5_1_accepts_each_message(
    passport: Passport, kind: OrderMessage
) -> None:
    messages = as_messages(passport, kind, NOW)
    assert len(messages) == 2
    for message in messages:
        parsed = parse_message(message, validation_level=VALIDATION_LEVEL.STRICT)
        assert parsed.validate()


@pytest.mark.parametrize("kind", [OrderMessage.OMI_O23, OrderMessage.ORM_O01])
def test_an_order_names_accession_number_patient_and_study(
    passport: Passport, kind: OrderMessage
) -> None:
    message, case = as_messages(passport, kind, NOW)[1], passport.cases[1]
    order, request, patient = (fields(message, name) for name in ("ORC", "OBR", "PID"))
    assert order[1:4] == ["NW", case.accession, case.accession]
    assert request[18:21] == [case.accession] * 3
    assert request[24] == "MG"
    assert patient[3] == f"{case.patient_id}^^^PERFORMS^PI"
    assert patient[5] == case.patient_name
    uid = case.studies[0].study_instance_uid
    if kind is OrderMessage.OMI_O23:
        assert fields(message, "IPC")[1:6] == [
            case.accession,
            case.accession,
            uid,
            case.accession,
            "MG",
        ]
    else:
        assert fields(message, "ZDS")[1] == f"{uid}^PERFORMS^Application^DICOM"


def test_a_title_with_separators_stays_one_field(passport: Passport) -> None:
    odd = replace(passport, title="SA12|part^1 & co")
    message = as_messages(odd, OrderMessage.OMI_O23, NOW)[0]
    service = fields(message, "OBR")[4]
    assert service == "PERFORMS^PERFORMS SA12\\F\\part\\S\\1 \\T\\ co TEST SET - NOT A PATIENT^L"
    parsed = parse_message(message, validation_level=VALIDATION_LEVEL.STRICT)
    assert parsed.validate()


def test_the_same_order_has_the_same_control_id_and_each_another(passport: Passport) -> None:
    once = as_messages(passport, OrderMessage.OMI_O23, NOW)
    again = as_messages(passport, OrderMessage.OMI_O23, NOW.replace(hour=11))
    ids = [fields(message, "MSH")[10] for message in once]
    assert ids == [fields(message, "MSH")[10] for message in again]
    assert len(set(ids)) == 2


def test_messages_are_addressed_as_the_site_names_itself(passport: Passport) -> None:
    message = as_messages(passport, OrderMessage.ADT_A28, NOW, Addressee("CRIS", "RXX"))[0]
    assert fields(message, "MSH")[5:7] == ["CRIS", "RXX"]


def test_the_table_has_a_line_a_study_under_dicom_keywords(passport: Passport) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(passport))))
    case = passport.cases[0]
    assert len(rows) == 2
    assert rows[0]["AccessionNumber"] == rows[0]["PatientID"] == case.accession
    assert rows[0]["StudyInstanceUID"] == case.studies[0].study_instance_uid
    assert rows[0]["StudyDescription"].endswith("NOT A PATIENT")


def test_no_value_of_the_table_can_pass_for_a_formula(passport: Passport) -> None:
    odd = replace(passport, issuer="=cmd|' /C calc'!A0")
    [row, *_] = csv.DictReader(io.StringIO(as_csv(odd)))
    assert row["IssuerOfPatientID"].startswith("'=")
