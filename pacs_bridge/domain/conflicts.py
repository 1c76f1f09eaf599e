"""What must not stand under our numbers: other content, another patient's image.

Anything that is no image of our own kind (reports, states, key objects, captures) may be added
to a study without harm.

References
----------
DESIGN.md 5: conflict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pacs_bridge.domain.caseset import Case, Instance, Study
from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer
from pacs_bridge.domain.sentences import CHECK, START, About, steps


class Clash(StrEnum):
    """How something stands in the way of a case."""

    PATIENT = "the study holds images of another patient"
    IMAGE = "the study holds a mammogram that is not ours"
    KIND = "an image of ours is an object of another kind there"
    SIZE = "an image of ours has another size there"
    NUMBER = "another study stands under our accession number"


@dataclass(frozen=True)
class Conflict:
    """What stands in the way of a case, and in which of its studies.

    Parameters
    ----------
    image : FoundImage or None
        The object in question, as the PACS has it.
    ours : Instance or None
        The same as we have it, where it is one of ours.
    others : int
        Objects that are not ours, where that is what is wrong.
    """

    clash: Clash
    study: Study
    image: FoundImage | None = None
    ours: Instance | None = None
    others: int = 0

    @property
    def evidence(self) -> str:
        """Say what was found."""
        if self.clash is Clash.SIZE:
            return f"an image has {self.there} pixels there and {self.here} here"
        if self.clash is Clash.IMAGE and self.others > 1:
            return f"the study holds {self.others} mammograms that are not ours"
        return self.clash.value

    @property
    def there(self) -> str:
        """Rows and columns that the PACS names; what it does not name is as ours."""
        mine, theirs = self.ours, self.image
        if mine is None or theirs is None:
            return ""
        return f"{theirs.rows or mine.rows} x {theirs.columns or mine.columns}"

    @property
    def here(self) -> str:
        """Rows and columns of ours."""
        return "" if self.ours is None else f"{self.ours.rows} x {self.ours.columns}"

    @property
    def place(self) -> str:
        """The object in question by its numbers and its UID; nothing of its patient."""
        image = self.image
        if image is None:
            return ""
        numbers = [
            f"{word} {number}"
            for word, number in (("series", image.series_number), ("image", image.number))
            if number is not None
        ]
        return ", ".join([*numbers, f"SOP Instance UID {image.sop_instance_uid}"])


def find_conflict(
    case: Case, answer: PacsAnswer, pairs: Sequence[tuple[Study, FoundStudy | None]]
) -> Conflict | None:
    """Find what must not be there: other content under our UID, another patient's images."""
    ours = {image.sop_instance_uid: image for image in case.instances()}
    kinds = {image.sop_class_uid for image in ours.values()}
    for study, found in pairs:
        if found is None:
            continue
        foreign = [
            image
            for image in found.images or ()
            if image.sop_instance_uid not in ours and image.sop_class_uid in kinds
        ]
        first = foreign[0] if foreign else None
        if case.patient_id in found.patient_ids and len(found.patient_ids) > 1:
            return Conflict(Clash.PATIENT, study, first, others=len(foreign))
        for image in found.images or ():
            mine = ours.get(image.sop_instance_uid)
            if mine is None:
                if first is not None and image is first:
                    return Conflict(Clash.IMAGE, study, first, others=len(foreign))
                continue
            if image.sop_class_uid and image.sop_class_uid != mine.sop_class_uid:
                return Conflict(Clash.KIND, study, image, mine)
            there = (image.rows or mine.rows, image.columns or mine.columns)
            if there != (mine.rows, mine.columns):
                return Conflict(Clash.SIZE, study, image, mine)
    if answer.strangers and not any(answer.studies.values()):
        return Conflict(Clash.NUMBER, case.studies[0])
    return None


def word_conflict(conflict: Conflict, of: About, *, missing: bool = False) -> str:
    """Say what to do about it.

    Parameters
    ----------
    missing : bool
        Whether images of ours are missing, too: then they are sent again.
    """
    after = START if missing else CHECK
    if conflict.clash in (Clash.PATIENT, Clash.IMAGE):
        return _word_foreign(conflict, of, after)
    if conflict.clash is Clash.NUMBER:
        return (
            f"Another study stands in your PACS under our accession number {of.case.accession}, "
            "and ours is not there. It may be a real patient's: do not delete it."
            + steps("Have that study given its own accession number back.", START)
        )
    gone = (
        f"Delete this study there ({of.uid}).",
        "Press Start again: we send it anew, and check.",
    )
    if conflict.clash is Clash.KIND:
        return (
            "Your PACS holds another object under the number of one of our images "
            f"({conflict.place})." + steps(*gone)
        )
    return (
        f"Your PACS keeps images of this case at another size than we sent: {conflict.there} "
        f"pixels, ours have {conflict.here}. Readers may judge other images than ours."
        + steps(
            f"Ask your PACS supplier to have images from our AE title {of.known.storing} stored "
            "unchanged.",
            *gone,
        )
        + "\nIf step 1 cannot be done, tell the scheme, and let nobody read this case there."
    )


def _word_foreign(conflict: Conflict, of: About, after: str) -> str:
    if conflict.clash is Clash.PATIENT:
        so = "Your PACS holds images of another patient inside this study."
    elif conflict.others > 1:
        so = (
            f"Your PACS holds {conflict.others} mammograms inside this study that are not ours and "
            "may be another patient's."
        )
    else:
        so = (
            "Your PACS holds a mammogram inside this study that is not ours and may be another "
            "patient's."
        )
    which = ""
    if conflict.place:
        which = f" It is {conflict.place}."
        if conflict.others > 1:
            which = f" One is {conflict.place}."
    them = "them" if conflict.others > 1 else "it"
    until = "Nobody should read this case before that is settled."
    return f"{so}{which} Of images, only {of.images} belong there. {until}" + steps(
        f"Open study {of.case.accession} and find {them}. Have {them} moved to the patient "
        f"{'they belong' if them == 'them' else 'it belongs'} to; do not delete {them}.",
        "If nobody can tell whose that is, ask your PACS supplier, and tell the scheme.",
        after,
    )
