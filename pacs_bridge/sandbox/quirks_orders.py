"""Quirks of a PACS that wants an order, or changes names and numbers (QUIRKS.md C5)."""

from __future__ import annotations

import csv
import zlib
from pathlib import Path

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.sandbox.pacs_query import Question
from pacs_bridge.sandbox.pacs_quirk import Quirk, Row, Switch
from pacs_bridge.sandbox.pacs_store import Entry, Refused

_UNTRUSTED = 0xA777
"""How dcm4chee refuses an object for its patient (STANDARDS.md 5.4)."""

_WEIGHTS = range(10, 1, -1)


class RenameAccession(Quirk):
    """Gives every study an accession number of its own."""

    def amend(self, attributes: Row) -> Row:
        """Make it from the study's UID, so that all its objects have the same."""
        return {**attributes, "AccessionNumber": f"RVX{_number(attributes):010d}"}


class Prefix(Quirk):
    """Puts something before a number."""

    def __init__(self, keyword: str, prefix: str) -> None:
        self._keyword, self._prefix = keyword, prefix

    def amend(self, attributes: Row) -> Row:
        """Keep to 16 characters for an accession number, 64 for a patient ID."""
        most = 16 if self._keyword == "AccessionNumber" else 64
        value = f"{self._prefix}{attributes[self._keyword]}"[:most]
        return {**attributes, self._keyword: value}


class NullsAccession(Quirk):
    """Forgets every accession number."""

    def amend(self, attributes: Row) -> Row:
        """Leave it empty."""
        return {**attributes, "AccessionNumber": ""}


class TruncatesPatientId(Quirk):
    """Has room for so many characters of a patient ID."""

    def __init__(self, most: float) -> None:
        self._most = int(most)

    def amend(self, attributes: Row) -> Row:
        """Cut it off."""
        return {**attributes, "PatientID": attributes["PatientID"][: self._most]}


class NeedsOrder(Quirk):
    """Says Success and puts a study that nobody ordered under failed imports.

    Parameters
    ----------
    orders : str
        A CSV file with a column AccessionNumber, read at every question, so that an order
        that comes later lets its study appear; empty for no orders at all.
    """

    def __init__(self, orders: str) -> None:
        self._orders = Path(orders) if orders else None
        self._ordered()

    def shows(self, entries: list[Entry], question: Question) -> list[Entry]:
        """Find what was ordered."""
        del question
        ordered = self._ordered()
        return [entry for entry in entries if entry["AccessionNumber"] in ordered]

    def _ordered(self) -> set[str]:
        if self._orders is None:
            return set()
        try:
            with self._orders.open(newline="", encoding="utf-8") as file:
                return {row["AccessionNumber"] or "" for row in csv.DictReader(file)}
        except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
            raise RefusedInput(
                f"{self._orders} holds no orders; give the file that `case-set orders` writes."
            ) from error


class Quarantine(Quirk):
    """Keeps a study as unmatched: a question that names its UID finds it, no list shows it."""

    def shows(self, entries: list[Entry], question: Question) -> list[Entry]:
        """Show it to who knows its UID."""
        return entries if question.keys.get("StudyInstanceUID") else []


class TrustedIssuerOnly(Quirk):
    """Refuses patients of an issuer that it does not know."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def admit(self, attributes: Row) -> None:
        """Look at Issuer of Patient ID."""
        if attributes["IssuerOfPatientID"] != self._issuer:
            raise Refused(_UNTRUSTED, "Issuer of Patient ID is not trusted.")


class NhsNumberCheck(Quirk):
    """Refuses a patient ID that is no NHS number."""

    def admit(self, attributes: Row) -> None:
        """Look at its length and check digit."""
        if not is_nhs_number(attributes["PatientID"]):
            raise Refused(_UNTRUSTED, "Patient ID is not a valid NHS number.")


class MergeLookalikes(Quirk):
    """Takes a woman with the same birth date and sex for one whom it knows."""

    def amend(self, attributes: Row) -> Row:
        """File it under a number in the form of an NHS number, of the range for tests."""
        seen = f"{attributes['PatientBirthDate']}{attributes['PatientSex']}"
        known = zlib.crc32(seen.encode()) % 100_000
        number = next(
            text
            for last in range(100)
            if is_nhs_number(text := f"999{(known + last // 10) % 1_000_000:06d}{last % 10}")
        )
        return {**attributes, "PatientID": number, "PatientName": "LOOKALIKE^PATIENT"}


class StudyIdCollision(Quirk):
    """Files a study under the order of a stranger that has the same Study ID."""

    def amend(self, attributes: Row) -> Row:
        """Give it the stranger's accession number and patient."""
        number = _number(attributes) % 1_000_000
        stranger = {"AccessionNumber": f"RVX{number:07d}", "PatientID": f"RVXP{number:06d}"}
        return {**attributes, **stranger, "PatientName": "STRANGER^SOMEBODY"}


def is_nhs_number(text: str) -> bool:
    """Tell whether ten digits end in their check digit (modulus 11)."""
    if len(text) != 10 or not (text.isascii() and text.isdigit()):
        return False
    check = 11 - sum(int(d) * w for d, w in zip(text, _WEIGHTS, strict=False)) % 11
    return check % 11 == int(text[9])


def _number(attributes: Row) -> int:
    return zlib.crc32(attributes["StudyInstanceUID"].encode())


SWITCHES = (
    Switch(
        "rename-accession", "Gives every study an accession number of its own.",
        "C5 (dcm4chee-arc-light 1833)", RenameAccession,
    ),
    Switch(
        "coerces-accession", "Puts TEXT before every accession number.",
        "C5 (dcm4chee-arc-light 3676)", lambda text: Prefix("AccessionNumber", text), "TEXT", "X",
    ),
    Switch(
        "coerces-patient-id", "Puts TEXT before every patient ID.",
        "C5 (dcm4chee-arc-light 3473)", lambda text: Prefix("PatientID", text), "TEXT", "RVX",
    ),
    Switch(
        "truncates-patient-id", "Keeps N characters of a patient ID.",
        "C5 (dcm4chee-arc-light 3810)", TruncatesPatientId, "N", "8",
    ),
    Switch(
        "nulls-accession", "Forgets every accession number.", "C5 (dcm4chee-arc-light 2956)",
        NullsAccession,
    ),
    Switch(
        "needs-order", "Says Success and hides what is not in FILE (by `case-set orders`).",
        "issue 4: studies without an order", NeedsOrder, "FILE", "",
    ),
    Switch(
        "quarantine", "Lists no study; finds it only by its UID, as unmatched.",
        "issue 4: studies without an order", Quarantine,
    ),
    Switch(
        "trusted-issuer-only", "Refuses (A777) patients of another issuer than TEXT.",
        "issue 4: studies without an order", TrustedIssuerOnly, "TEXT", "NHS",
    ),
    Switch(
        "nhs-number-check", "Refuses (A777) a patient ID that is no NHS number.",
        "issue 4: studies without an order", NhsNumberCheck,
    ),
    Switch(
        "merge-lookalikes", "Files under a patient with the same birth date and sex.",
        "issue 4: studies without an order", MergeLookalikes,
    ),
    Switch(
        "studyid-collision", "Files under a stranger's order with the same Study ID.",
        "issue 4: studies without an order", StudyIdCollision,
    ),
)  # fmt: skip
