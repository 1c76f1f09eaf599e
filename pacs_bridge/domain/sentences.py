"""What a PACS contact should do, in one plain sentence for each thing that may be wrong.

Whoever reads one knows nothing of what we asked and how; it says what is so and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pacs_bridge.domain.found import Unasked, Unseen
from pacs_bridge.domain.loading import Completeness

_AGAIN = "we ask again by ourselves."

UNASKED = {
    Unasked.SILENT: f"Check that the PACS is running and that our calls reach it; {_AGAIN}",
    Unasked.REJECTED: f"Your PACS turns our calls away: allow our AE title to query it; {_AGAIN}",
    Unasked.NO_QUERY: "Your PACS offers us no query service: allow our AE title to query it "
    f"(C-FIND, Study Root); {_AGAIN}",
    Unasked.REFUSED: "Your PACS refuses our queries: allow our AE title to query it "
    f"(C-FIND, Study Root); {_AGAIN}",
    Unasked.BUSY: f"Your PACS is too busy to answer: nothing to do unless it lasts; {_AGAIN}",
    Unasked.NAMELESS: "Your PACS, or a proxy before it, leaves the Study Instance UID out of its "
    "answers: mend the proxy, or let us query the PACS itself.",
    Unasked.UNBELIEVED: "Your PACS broke off and has found nothing at all since then: check that "
    f"its database is running; {_AGAIN}",
}
"""Of a case that could not be asked for."""

UNSURE = {
    Completeness.COUNTED: "Your PACS counts its images and does not list them: allow our queries "
    "at IMAGE level there, or agree with the scheme that counting suffices (grade counted).",
    Completeness.PRESENT: "Your PACS neither lists nor counts its images: allow our queries at "
    "IMAGE level there, or agree with the scheme that the study's being there suffices "
    "(grade present).",
}
"""Of a case that is there less surely than the site wants."""

_COUNTING = "or agree with the scheme that finding our own images suffices (grade counted)."


def word_unseen(unseen: Unseen) -> str:
    """Say what keeps us from seeing whether a study holds somebody else's image."""
    if unseen.by_patient:
        return (
            "Your PACS lets us query one patient at a time (Patient Root), so another patient's "
            "image in this study would stay hidden from us: offer our AE title Study Root "
            f"queries, {_COUNTING}"
        )
    if unseen.is_refused:
        return (
            "Your PACS does not list the series of this study to us, so somebody else's image "
            f"in it would stay hidden: allow our AE title queries at SERIES level, {_COUNTING}"
        )
    if unseen.limit is not None:
        number = f"{unseen.limit} answer{'s' * (unseen.limit != 1)}"
        return (
            f"Your PACS stops after {number} to a query, so somebody else's image in this study "
            "would stay hidden from us: have the limit on query answers raised for our AE title "
            f"(1000 will do), {_COUNTING}"
        )
    return (
        f"Your PACS counts {unseen.counted} objects in this study and names only {unseen.seen} "
        "to us: see in the PACS what the others are, have out of it what is not ours, and allow "
        f"our AE title to list all, {_COUNTING}"
    )


_NO_ORDER = re.compile(
    r"0xA77[79]|\b(patient|issuer|order|worklist|requested procedure|mrn)\b", re.IGNORECASE
)
_REFUSALS = (
    (
        _NO_ORDER,
        (
            "Your PACS takes no images without an order or of a patient unknown to it: enter the "
            "orders of this set (`pacs-bridge case-set orders` writes them as CSV and HL7), then "
            "start the load again."
        ),
    ),
    (
        re.compile(r"0x0122|not accepted|not supported|unsupported", re.IGNORECASE),
        (
            "Your PACS does not take images of this kind: allow the kind there, or agree with the "
            "scheme on a set without it, then start the load again."
        ),
    ),
    (
        re.compile(r"0x0124|not authori[sz]ed|permission|denied", re.IGNORECASE),
        (
            "Your PACS does not let us store: allow our AE title to send to it, then start the "
            "load again."
        ),
    ),
    (
        re.compile(r"0xA7"),
        "Your PACS has no room for these images: make room there, then start the load again.",
    ),
)
_REFUSED = (
    "Your PACS refused images of this case: mend the reason it gives, then start the load again."
)

UNMATCHED = "Your PACS holds these as unmatched. Ask for: verify, or link to order."


def word_refusal(comments: Iterable[str]) -> str:
    """Say what to do about images that a PACS refused, by what it said of them."""
    said = "\n".join(comments)
    return next((words for pattern, words in _REFUSALS if pattern.search(said)), _REFUSED)


LOST = (
    "Your PACS held all of this case and does not find it now: have its index checked and the "
    "study restored; if it was deleted there, start the load again."
)
"""Of a case that was there when the load was ready."""

_RESIZED = (
    "Your PACS keeps these images at another size than we sent: have it store them unchanged, "
    "delete this study there, then start the load again."
)
_CONFLICT = (
    "Something else stands under our number in your PACS: delete this study there, then start "
    "the load again."
)


def word_conflict(conflict: str) -> str:
    """Say what to do about what stands under our number, by what was found of it."""
    return _RESIZED if " pixels there and " in conflict else _CONFLICT


RENAMED = "Your PACS files it under"
"""How the sentence about another name begins."""


def word_rename(label: str, ours: str, theirs: str) -> str:
    """Say under which name a case is filed."""
    if ours.startswith(theirs):
        return (
            f"{RENAMED} {label} {theirs}, cut off from {ours}: several cases may come to the same, "
            f"so have it keep all {len(ours)} characters."
        )
    return (
        f"{RENAMED} {label} {theirs} instead of {ours}: search for {theirs}, or "
        "have it renamed; once readers know, accept the name (`pacs-bridge load accept`)."
    )


def word_person(label: str, ours: str) -> str:
    """Say that a case may stand in a real person's record; the number is shown to nobody."""
    return (
        f"Your PACS replaced our {label} {ours} by a number that may be a real person's: "
        "have the study taken out of that record."
    )


def word_stranger(ours: str) -> str:
    """Say that a case was filed as another patient's; whose is shown to nobody."""
    return (
        f"Your PACS filed it as another patient's, with another accession number than {ours}: "
        "have the study taken out of that record."
    )


def word_unmatched(accession: str) -> str:
    """Say that a study is there and that a search by its number does not find it."""
    return f"{UNMATCHED} Until then a search for {accession} does not find it."


def word_accepted(search_for: str) -> str:
    """Tell readers what a contact has accepted."""
    return f"Readers search for {search_for}; your contact has accepted that."
