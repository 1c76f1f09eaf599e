"""Whom the attributes of an object name, in the order in which they are believed.

References
----------
STANDARDS.md 1.5: which attribute speaks first, in presentation states and in reports; all are
kept as evidence. PS3.5 6.2.1.1: the components of a person name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pacs_bridge.domain.marks import Observer

_OBSERVER = ("121008 DCM", "128774 DCM", "zzz026 99NCIAIM", "128775 DCM")
_SOURCES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("creator", ("ContentCreatorIdentificationCodeSequence", "ContentCreatorName")),
    ("operator", ("OperatorIdentificationSequence", "OperatorsName")),
    ("observer", _OBSERVER),
    ("author", ("AuthorObserverSequence", "AuthorObserverSequence code")),
    ("verifier", ("VerifyingObserverSequence", "VerifyingObserverSequence code")),
    ("layer", ("GraphicLayerDescription",)),
    ("participant", ("ParticipantSequence", "ParticipantSequence code")),
)
"""Who is named where: the first source that names a person is believed before the next."""

OWN_COPY = "the reader's own copy"
"""Evidence of what lies on a copy of the set: which, and whose. What is said of an object and
whom it names are stronger; where they name another reader than the copy's, it waits."""

SHARED_LOGIN = "a log-in that several people use"
"""Evidence of what lies on a copy and does not name its reader, at a PACS that is known to share a
log-in: it may be another's, and counts once its reader says that it is theirs."""

MOST_PERSONS = 9
"""Persons of one source that are told apart; `numbered` names the keys of their evidence."""

_WORKSTATION = ("StationName", "InstitutionName", "VerifyingOrganization", "121009 DCM")

_NOBODY_WORDS = (
    "admin administrator anon anonymised anonymized anonymous caller clinician consultant default "
    "demo dicom doctor dr guest local n/a na name no nobody none null operator pacs person "
    "physician radiologist radiology reader root service station system tech technician test "
    "tester undefined unidentified unknown unnamed user viewer workstation ws xx xxx"
)
_VENDOR_WORDS = (
    "3dslicer agfa carestream clearcanvas cornerstone cornerstone3dtools dcm4che dcmjs dcmtk "
    "dicomscope dwv fuji fujifilm ge gehealthcare gsps hologic horos ids5 ids7 impax insight "
    "intellispace mammo meddream nx ohif orthanc osirix overlay philips sectra securview siemens "
    "slicer synapse syngo visage volview vue weasis"
)
_NOBODY, _VENDORS = frozenset(_NOBODY_WORDS.split()), frozenset(_VENDOR_WORDS.split())


@dataclass(frozen=True)
class Person:
    """One person as one source names them: every name, log-in and number, spelt as it came."""

    source: str
    said: tuple[str, ...]


def numbered(key: str, number: int) -> str:
    """Name the evidence of the second and later persons of one source."""
    return key if number == 1 else f"{key} ({number})"


def normal(name: str) -> str:
    """Bring a name or log-in into the one form in which aliases are compared.

    Case and blanks do not count; of a person name the alphabetic group counts, without its
    prefix (a title) and without empty components at its end. Nothing else is made alike:
    two names that only look alike are two names.
    """
    plain = unicodedata.normalize("NFC", name).split("=")[0]
    parts = [" ".join(part.split()).casefold() for part in plain.split("^")]
    if len(parts) > 3:
        parts[3] = ""
    return "^".join(parts).rstrip("^")


def names_nobody(name: str, places: Collection[str] = ()) -> bool:
    """Whether a name is no person's: empty, ``unknown^unknown``, a vendor's or a workstation's.

    Parameters
    ----------
    places : collection of str
        Names of the workstation, its AE title and its institution; in whatever form.
    """
    plain = normal(name)
    words = [word for word in re.split(r"[\^\s_,.;:/\\?*-]+", plain) if word]
    if all(word in _NOBODY or word in _VENDORS for word in words):
        return True
    return plain in _NOBODY or plain in {normal(place) for place in places if place}


def persons_of(observer: Observer) -> tuple[Person, ...]:
    """List whom an object names, the most believed first.

    A source that is empty is left out; one that names nobody in particular is not: what is
    nobody's name depends on where it came from (`names_nobody`).
    """
    found = tuple(_persons(observer.evidence))
    if found:
        return found
    said = tuple(filter(None, (observer.login, observer.id, observer.name)))
    return (Person("observer", said),) if said else ()


def places_of(observer: Observer) -> tuple[str, ...]:
    """List the names of places in an object's evidence: its workstation and institution."""
    keys = (numbered(key, n) for key in _WORKSTATION for n in range(1, MOST_PERSONS + 1))
    return tuple(observer.evidence[key] for key in keys if observer.evidence.get(key))


def _persons(evidence: dict[str, str]) -> Iterator[Person]:
    for source, keys in _SOURCES:
        for number in range(1, MOST_PERSONS + 1):
            spoken = (evidence.get(numbered(key, number), "") for key in keys)
            said = tuple(dict.fromkeys(filter(None, spoken)))
            if said:
                yield Person(source, said)
