"""Copies of a case set, one a reader: what they are called, and how to find back to the master.

Copy 0 is the master. A copy shows the very pixels of the master under identifiers of its own, so
that a PACS keeps what one reader saves apart from what the next is shown. Its UIDs derive from
the master's by a keyed hash: whoever has not the key can neither compute the UIDs of another
reader's copy nor tell which master image an image belongs to.

References
----------
PS3.5 section 9.1 (64 characters), B.2 (UIDs under 2.25). RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import CaseName, SetName

MOST_COPIES = 99
"""Two digits behind the case number, of which 00 is the master."""

_REGISTERED = "1.2.840.10008."
_LONGEST_NAME = 64  # characters of a component group of PN (PS3.5 6.2)


def derive_uid(key: bytes, set_name: str, copy: int, uid: str) -> str:
    """Derive the UID that stands for another one in one copy of a set.

    Parameters
    ----------
    key : bytes
        The installation's key.
    set_name : str
        The set it goes into: one image in two sets is two images.
    copy : int
        0 for the master, which derives from the source's UID; a copy derives from the master's.
    uid : str
        The UID that it stands for.

    Returns
    -------
    str
        128 bits of HMAC-SHA-256 under 2.25: at most 44 characters, the same for the same input
        for ever.
    """
    message = f"{set_name}\0{copy:02d}\0{uid}".encode()
    digest = hmac.digest(key, message, hashlib.sha256)
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def is_registered(uid: str) -> bool:
    """Whether the standard itself gave this UID: a class, syntax, context group, well-known frame.

    References
    ----------
    PS3.6 Annex A: all stand below 1.2.840.10008.
    """
    return uid.startswith(_REGISTERED)


@dataclass(frozen=True)
class CopyNaming:
    """Gives the identifiers of one copy of a set for those of the master.

    Parameters
    ----------
    key : bytes
        The installation's key of UIDs.
    copy : int
        1 to 99.

    Raises
    ------
    RefusedInput
        When the number is none of a copy.
    """

    key: bytes
    set_name: str
    copy: int

    def __post_init__(self) -> None:
        """Refuse the master and what does not go into two digits."""
        SetName.parse(self.set_name)
        check_copy(self.copy)

    def uid(self, master: str) -> str:
        """Give a UID of the copy; those of the standard, and none at all, stay what they are."""
        if not master or is_registered(master):
            return master
        return derive_uid(self.key, self.set_name, self.copy, master)

    def accession(self, master: str) -> str:
        """Give the accession number: the master's and two digits; none stays none (a prior)."""
        return name_in_copy(master, self.copy) if master else ""

    def patient_id(self, case: Case) -> str:
        """Give the PatientID, so that the copies of a case are as many patients to a PACS.

        One patient with eight studies would show each reader the other seven as priors.
        """
        if case.patient_id == case.accession:
            return self.accession(case.accession)
        return f"{case.patient_id}-{self.copy:02d}"

    def patient_name(self, case: Case) -> str:
        """Give the PatientName: a PACS may join patients of one name, birth date and sex."""
        if case.accession in case.patient_name:
            name = case.patient_name.replace(case.accession, self.accession(case.accession))
        else:
            name = f"{case.patient_name}-{self.copy:02d}"
        return name if len(name) <= _LONGEST_NAME else case.patient_name

    def case(self, master: Case) -> Case:
        """Give a case with the identifiers of the copy; its images name the master's files."""
        return replace(
            master,
            accession=self.accession(master.accession),
            patient_id=self.patient_id(master),
            patient_name=self.patient_name(master),
            studies=tuple(
                replace(
                    study,
                    study_instance_uid=self.uid(study.study_instance_uid),
                    series=tuple(
                        replace(
                            series,
                            series_instance_uid=self.uid(series.series_instance_uid),
                            instances=tuple(
                                replace(each, sop_instance_uid=self.uid(each.sop_instance_uid))
                                for each in series.instances
                            ),
                        )
                        for series in study.series
                    ),
                )
                for study in master.studies
            ),
        )

    def words(self, master: Case) -> dict[str, str]:
        """Give what identifies a case in words, and what takes its place in the copy."""
        return {
            master.accession: self.accession(master.accession),
            master.patient_id: self.patient_id(master),
            master.patient_name: self.patient_name(master),
        }


def check_copy(copy: int) -> int:
    """Refuse what is no number of a reader's copy; raises `RefusedInput`."""
    if not 1 <= copy <= MOST_COPIES:
        raise RefusedInput(
            f"A reader's copy has a number from 1 to {MOST_COPIES}; give such a one."
        )
    return copy


def name_in_copy(accession: str, copy: int) -> str:
    """Give the name that a case has in one copy; in copy 0 its own.

    Raises
    ------
    RefusedInput
        When it is not the name of a case.
    """
    return str(replace(CaseName.parse(accession), copy=copy))


def copy_named_by(accession: str) -> int:
    """Tell which copy an accession number is of; 0 for the master; raises `RefusedInput`."""
    return CaseName.parse(accession).copy


def free_number(taken: Collection[int]) -> int:
    """Give the lowest number that no reader of a set ever had at a PACS.

    Raises
    ------
    RefusedInput
        When all are given out.
    """
    for number in range(1, MOST_COPIES + 1):
        if number not in taken:
            return number
    raise RefusedInput(
        f"All {MOST_COPIES} copies of this set are given out at this PACS; let further readers "
        "read by the sheet, or on another PACS."
    )


def pair_images(master: Passport, copied: Passport) -> dict[str, str]:
    """Map each image of a copy to the master's, by SOP Instance UID.

    Raises
    ------
    RefusedInput
        When the two are not the same images under other names.
    """
    ours, theirs = _described(master), _described(copied)
    if [row[1] for row in ours] != [row[1] for row in theirs]:
        raise RefusedInput(
            f"Copy {copied.copy:02d} of {master.set_name} does not show the images of the master; "
            "tell the scheme, and send nothing of it."
        )
    return {copy[0]: own[0] for own, copy in zip(ours, theirs, strict=True)}


def _described(passport: Passport) -> list[tuple[str, tuple[object, ...]]]:
    """Give each image's UID, and what of it is the same in every copy."""
    return [
        (
            image.sop_instance_uid,
            (
                case.number,
                study.prior,
                series.series_number,
                image.instance_number,
                image.pixel_hash,
                image.rows,
                image.columns,
                image.frames,
                image.laterality,
                image.view,
            ),
        )
        for case, study, series, image in passport.instances()
    ]


@dataclass(frozen=True)
class ReaderCopy:
    """Which copy of a set a reader has at a PACS; given once and never to another."""

    set_name: str
    pacs: str
    copy: int
    reader: str


@dataclass(frozen=True)
class PlannedCopy:
    """What one reader's copy is, or would be.

    Parameters
    ----------
    size : int
        Bytes that it takes at the PACS, as we send it.
    agreed : bool
        Whether somebody has agreed to that already.
    readiness : str
        Of its load; empty where there is none yet.
    """

    reader: str
    copy: int
    images: int
    size: int
    agreed: bool = False
    readiness: str = ""


@dataclass(frozen=True)
class CopiesPlan:
    """What the copies of a set take at a PACS.

    Parameters
    ----------
    example : str
        Accession number of a case of the master, to show what its copies are called.
    staying : tuple of str
        Readers who have begun on the master and go on there.
    failure : str
        Why those that were agreed to could not be made, the last time; empty where they were.
    """

    set_name: str
    pacs: str
    copies: tuple[PlannedCopy, ...]
    example: str = ""
    staying: tuple[str, ...] = ()
    failure: str = ""

    @property
    def size(self) -> int:
        """Bytes of all copies together."""
        return sum(each.size for each in self.copies)

    @property
    def to_agree(self) -> int:
        """Bytes of those to which nobody has agreed yet."""
        return sum(each.size for each in self.copies if not each.agreed)

    @property
    def is_agreed(self) -> bool:
        """Whether every copy of it was agreed to."""
        return all(each.agreed for each in self.copies)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "set": self.set_name,
            "pacs": self.pacs,
            "bytes": self.size,
            "bytes_to_agree": self.to_agree,
            "agreed": self.is_agreed,
            "copies": [
                {
                    "reader": each.reader,
                    "copy": each.copy,
                    "accession": name_in_copy(self.example, each.copy) if self.example else "",
                    "images": each.images,
                    "bytes": each.size,
                    "agreed": each.agreed,
                    "readiness": each.readiness,
                }
                for each in self.copies
            ],
            "staying_on_master": list(self.staying),
            "failure": self.failure,
        }


def plan_numbers(readers: Iterable[str], given: Sequence[ReaderCopy]) -> dict[str, int]:
    """Give each reader a number: the one they have, else the lowest that nobody ever had.

    Parameters
    ----------
    readers : iterable of str
        In the order in which numbers are given out.
    given : sequence of ReaderCopy
        All that were ever given out for the set at the PACS.
    """
    mine = {each.reader: each.copy for each in given}
    taken = {each.copy for each in given}
    numbers: dict[str, int] = {}
    for reader in readers:
        numbers[reader] = mine.get(reader) or free_number(taken)
        taken.add(numbers[reader])
    return numbers


def told_size(size: int) -> str:
    """Say a number of bytes as people do, in decimal units: ``7.4 GB``."""
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{max(1, round(size / 1000)) if size else 0} kB"
