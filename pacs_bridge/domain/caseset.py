"""Case sets and their passports.

A passport is the signed manifest of a case set: every study, series and SOP Instance UID
with what is needed to verify a load, to place a mark and to tell a changed image.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

CaseKind = Literal["practice", "test"]
_NO_PATIENT = "TEST SET - NOT A PATIENT"


def describe_study(scheme: str, title: str) -> str:
    """Give the Study Description of every study of a set."""
    return f"{scheme} {title} {_NO_PATIENT}"


@dataclass(frozen=True)
class Instance:
    """One image of a case.

    Parameters
    ----------
    pixel_hash : str
        SHA-256 over the decoded pixels (little endian, as stored, all frames), hexadecimal.
    content_hash : str
        SHA-256 of the archived file's bytes: its key in the archive.
    transfer_syntax_uid : str
        As archived; the compressed bytes are passed on unchanged.
    pixel_spacing : (float, float) or None
        Row spacing and column spacing in mm at the body (STANDARDS.md 4.8), if known.
    """

    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int
    rows: int
    columns: int
    frames: int
    laterality: str
    view: str
    transfer_syntax_uid: str
    pixel_hash: str
    content_hash: str
    size: int
    pixel_spacing: tuple[float, float] | None = None


@dataclass(frozen=True)
class Series:
    """One series of a study."""

    series_instance_uid: str
    series_number: int
    modality: str
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Study:
    """One study of a case: the current one, or a prior."""

    study_instance_uid: str
    study_id: str
    study_date: str
    series: tuple[Series, ...]
    prior: bool = False

    def instances(self) -> Iterator[Instance]:
        """Every image of the study, in series and instance order."""
        for series in self.series:
            yield from series.instances


@dataclass(frozen=True)
class Case:
    """One examination with one accession number; the identity that hospitals will see."""

    accession: str
    number: int
    kind: CaseKind
    patient_id: str
    patient_name: str
    birth_date: str
    sex: str
    studies: tuple[Study, ...]
    word: str = ""  # printed on practice case 001, for the workstation check

    def instances(self) -> Iterator[Instance]:
        """Every image of the case, priors included."""
        for study in self.studies:
            yield from study.instances()


@dataclass(frozen=True)
class Passport:
    """The manifest of one case set, immutable once signed.

    Parameters
    ----------
    signature : str
        Ed25519 over `signed_bytes`, hexadecimal; empty before signing.
    key_id : str
        First 16 hexadecimal digits of the SHA-256 of the public key.
    """

    set_name: str
    title: str
    issuer: str
    created_at: datetime
    cases: tuple[Case, ...]
    copy: int = 0
    version: int = 1
    key_id: str = ""
    signature: str = field(default="", compare=False)

    def instances(self) -> Iterator[tuple[Case, Study, Series, Instance]]:
        """Every image with what it belongs to, in the order it is sent."""
        for case in self.cases:
            for study in case.studies:
                for series in study.series:
                    for instance in series.instances:
                        yield case, study, series, instance

    def as_dict(self) -> dict[str, Any]:
        """The manifest as plain JSON values, signature included."""
        plain = asdict(self)
        plain["created_at"] = self.created_at.isoformat()
        return plain

    def signed_bytes(self) -> bytes:
        """The canonical JSON that the signature covers: everything but the signature."""
        plain = self.as_dict()
        del plain["signature"]
        return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()

    def digest(self) -> str:
        """SHA-256 of the signed bytes, hexadecimal: names this exact manifest."""
        return hashlib.sha256(self.signed_bytes()).hexdigest()

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Passport:
        """Rebuild a passport from `as_dict`'s form."""

        def instance(row: dict[str, Any]) -> Instance:
            spacing = row.get("pixel_spacing")
            return Instance(**{**row, "pixel_spacing": tuple(spacing) if spacing else None})

        def series(row: dict[str, Any]) -> Series:
            return Series(**{**row, "instances": tuple(map(instance, row["instances"]))})

        def study(row: dict[str, Any]) -> Study:
            return Study(**{**row, "series": tuple(map(series, row["series"]))})

        def case(row: dict[str, Any]) -> Case:
            return Case(**{**row, "studies": tuple(map(study, row["studies"]))})

        return cls(
            **{
                **plain,
                "created_at": datetime.fromisoformat(plain["created_at"]),
                "cases": tuple(map(case, plain["cases"])),
            }
        )
