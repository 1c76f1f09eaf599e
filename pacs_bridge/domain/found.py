"""What a PACS answered to C-FIND about one case: facts, not yet judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pacs_bridge.domain.profile import UNKNOWN, QueryProfile


class Unasked(StrEnum):
    """Why a case could not be asked for; each asks something else of a person."""

    SILENT = "no conversation came about, or it broke off"
    REJECTED = "the association was rejected"
    NO_QUERY = "no query service is offered"
    REFUSED = "the question was refused"
    BUSY = "it is out of resources"
    NAMELESS = "answers do not name the study"
    UNBELIEVED = "it finds nothing at all since it broke off"


@dataclass(frozen=True)
class FoundImage:
    """One row of a C-FIND answer at IMAGE level; empty or None is "not said".

    Parameters
    ----------
    series_instance_uid : str
        Series in which it was asked for.
    series_number, number : int or None
        By which a person finds it in a viewer.
    """

    sop_instance_uid: str
    sop_class_uid: str = ""
    rows: int | None = None
    columns: int | None = None
    availability: str = ""
    series_instance_uid: str = ""
    series_number: int | None = None
    number: int | None = None


@dataclass(frozen=True)
class Unseen:
    """What speaks for objects in a study that no answer has shown.

    Parameters
    ----------
    seen : int
        Objects that were.
    counted : int or None
        Objects by the PACS's own count, where that is no more wrong than right.
    limit : int or None
        Answers to one question after which the PACS stops, where that has shown.
    is_refused : bool
        Whether it refuses to list the study's series.
    by_patient : bool
        Whether it can be asked only for one patient's images at a time.
    nameless : int
        Objects that are not ours and of which the PACS does not say what they are.
    in_series : int or None
        Objects by its counts of the series, where these do not agree with that of the study.
    shows_nothing : bool
        Whether it neither counts nor gave any list that is longer than those of the study.
    """

    seen: int
    counted: int | None = None
    limit: int | None = None
    is_refused: bool = False
    by_patient: bool = False
    nameless: int = 0
    in_series: int | None = None
    shows_nothing: bool = False


@dataclass(frozen=True)
class FoundStudy:
    """What a PACS answered about one study.

    Parameters
    ----------
    images : tuple of FoundImage or None
        None when the PACS refuses the IMAGE level.
    count : int or None
        NumberOfStudyRelatedInstances where it was returned; never 0 for "not said".
    patient_ids : tuple of str
        Every patient ID under which the study was answered, once; more than one when the
        PACS holds images of two patients under this Study Instance UID.
    series_counts : dict of str to int or None
        NumberOfSeriesRelatedInstances by Series Instance UID, asked for where the IMAGE level
        is refused.
    unseen : Unseen or None
        What speaks for something else in the study that was kept from us; None where all
        that it holds was seen.
    seen : int or None
        Objects that were; None where they are not listed.
    others : dict of str to int
        Those of them in series that can hold no image, by Modality.
    """

    study_instance_uid: str
    accession_number: str | None = None
    patient_id: str | None = None
    patient_name: str | None = None
    images: tuple[FoundImage, ...] | None = ()
    count: int | None = None
    availability: str = ""
    patient_ids: tuple[str, ...] = ()
    series_counts: Mapping[str, int | None] = field(default_factory=dict)
    unseen: Unseen | None = None
    seen: int | None = None
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def lists_images(self) -> bool:
        """Whether the PACS tells which images the study holds.

        One that counts images and then lists none does not know the IMAGE level.
        """
        return self.images is not None and bool(self.images or not self.count)


@dataclass(frozen=True)
class PacsAnswer:
    """All a PACS said about one case in one sweep.

    Parameters
    ----------
    studies : dict of str to FoundStudy or None
        By Study Instance UID; None for an honest "no matches".
    by_name : bool or None
        Whether the query by accession number found the study; None when the PACS refuses
        such a query.
    error : str or None
        Why the case could not be asked; then nothing else counts.
    why : Unasked or None
        The kind of that.
    strangers : bool
        Whether other studies than ours stand under the case's accession number.
    learned : QueryProfile
        What the conversation has taught about the PACS by now.
    """

    studies: Mapping[str, FoundStudy | None] = field(default_factory=dict)
    by_name: bool | None = None
    error: str | None = None
    why: Unasked | None = None
    strangers: bool = False
    learned: QueryProfile = UNKNOWN
