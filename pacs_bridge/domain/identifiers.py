"""Identifiers, made only by their parsers.

Text from the wire becomes one of these types in the first function that sees it, or is
refused; nothing else may reach a path, a query, a log line or a page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

from pacs_bridge.domain.errors import RefusedInput, UnreadableObject

Uid = NewType("Uid", str)
AeTitle = NewType("AeTitle", str)

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_AE_TITLE = re.compile(r"[A-Za-z0-9_.\-](?:[A-Za-z0-9_.\- ]{0,14}[A-Za-z0-9_.\-])?")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


def parse_uid(text: object) -> Uid:
    """Check that a text is a DICOM unique identifier.

    Strict about what could do harm (anything but digits and dots, more than 64
    characters); a leading zero in a component, which the standard forbids and devices
    send, passes.

    Raises
    ------
    UnreadableObject
        When it is not.

    References
    ----------
    PS3.5 section 9.1.
    """
    uid = str(text).rstrip("\0 ")
    if len(uid) > 64 or _UID.fullmatch(uid) is None:
        raise UnreadableObject("An identifier in the object is not a DICOM UID; export it again.")
    return Uid(uid)


def parse_ae_title(text: object) -> AeTitle:
    """Check that a text is an AE title we accept: 1 to 16 letters, digits, ``_ . -``, inner blanks.

    Raises
    ------
    RefusedInput
        When it is not.

    References
    ----------
    PS3.5 section 6.2, VR AE; narrower than the standard, which also allows what could end
    up in a log line or a page as markup.
    """
    title = str(text).strip(" ")
    if _AE_TITLE.fullmatch(title) is None:
        raise RefusedInput(
            "An AE title has 1 to 16 characters: letters, digits, and _ . - inside; use such a one."
        )
    return AeTitle(title)


def parse_name(text: object) -> str:
    """Check a short name that people give to a PACS or site: lower-case letters, digits, dashes.

    Raises
    ------
    RefusedInput
        When it is not 1 to 32 of those.
    """
    name = str(text).strip().lower()
    if _NAME.fullmatch(name) is None:
        raise RefusedInput(
            "A name has 1 to 32 lower-case letters, digits and dashes; use such a one."
        )
    return name


@dataclass(frozen=True)
class Naming:
    """How a scheme names its sets and cases; data of the scheme, not code.

    Parameters
    ----------
    scheme : str
        The word every name begins with.
    practice, test : tuple of (int, int)
        First and last case number of the practice and of the test part.
    """

    scheme: str = "PERFORMS"
    practice: tuple[int, int] = (1, 4)
    test: tuple[int, int] = (101, 160)

    def kind_of(self, number: int) -> str:
        """Tell ``practice`` or ``test`` from a case number, else refuse it."""
        for kind, (first, last) in (("practice", self.practice), ("test", self.test)):
            if first <= number <= last:
                return kind
        raise RefusedInput(
            f"Case number {number:03d} is outside this scheme's ranges; check the list."
        )

    def numbers(self) -> list[int]:
        """All case numbers of a full set, practice first."""
        return [
            *range(self.practice[0], self.practice[1] + 1),
            *range(self.test[0], self.test[1] + 1),
        ]


PERFORMS = Naming()


@dataclass(frozen=True, order=True)
class SetName:
    """A case set's prefix: scheme word, round of two digits, part of one (PERFORMS121)."""

    round: int
    part: int
    scheme: str = PERFORMS.scheme

    @classmethod
    def parse(cls, text: object, naming: Naming = PERFORMS) -> SetName:
        """Read a prefix such as ``PERFORMS121``.

        Raises
        ------
        RefusedInput
            When it is anything else.
        """
        match = re.fullmatch(rf"{re.escape(naming.scheme)}([0-9]{{2}})([0-9])", str(text))
        if match is None:
            raise RefusedInput(
                f"A set is named {naming.scheme}, two digits of round and one of part, "
                f"such as {naming.scheme}121; use such a prefix."
            )
        return cls(int(match[1]), int(match[2]), naming.scheme)

    def __str__(self) -> str:
        return f"{self.scheme}{self.round:02d}{self.part}"


REHEARSAL = SetName(0, 0)
"""Set of the synthetic case of rehearsals; no real set has this name."""


@dataclass(frozen=True, order=True)
class CaseName:
    """A case's name and accession number: set, case of three digits, optional copy of two.

    Copy 0 is the master and is not written. ``PERFORMS121101`` is case 101 of set
    PERFORMS121; ``PERFORMS12110107`` is copy 7 of it. Two names are compared whole, never
    by prefix.
    """

    set_name: SetName
    number: int
    copy: int = 0

    @classmethod
    def parse(cls, text: object, naming: Naming = PERFORMS) -> CaseName:
        """Read an accession number.

        Raises
        ------
        RefusedInput
            When it is not the name of a case that the naming allows.
        """
        value = str(text).strip(" \0")
        match = re.fullmatch(
            rf"({re.escape(naming.scheme)}[0-9]{{3}})([0-9]{{3}})([0-9]{{2}})?", value
        )
        if match is None:
            raise RefusedInput("This is not a case number of the scheme.")
        naming.kind_of(int(match[2]))
        return cls(SetName.parse(match[1], naming), int(match[2]), int(match[3] or 0))

    def __str__(self) -> str:
        suffix = f"{self.copy:02d}" if self.copy else ""
        return f"{self.set_name}{self.number:03d}{suffix}"
