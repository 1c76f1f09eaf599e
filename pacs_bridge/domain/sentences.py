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
    Completeness.COUNTED: "Your PACS counts the images of this case and does not list them: allow "
    "our queries at IMAGE level there, or agree with the scheme that counting suffices (grade "
    "counted).",
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
    if unseen.nameless:
        return (
            "Your PACS holds something in this study that is not ours, and does not say what: see "
            "there what it is, and have it moved to where it belongs if it is an image, "
            f"{_COUNTING}"
        )
    why = "Your PACS does not list the series of this study to us"
    ask = "allow our AE title queries at SERIES level"
    if unseen.limit is not None and not unseen.is_refused:
        number = f"{unseen.limit} answer{'s' * (unseen.limit != 1)}"
        why = f"Your PACS stops after {number} to a query"
        ask = "have the limit on query answers raised for our AE title (1000 will do)"
    elif not unseen.is_refused:
        why, ask = "Your PACS does not name all that it holds", "allow our AE title to list all"
    more = (unseen.counted or 0) - unseen.seen
    if more > 0:
        return (
            f"{why}, and it counts {more} object{'s' * (more != 1)} in this study that we are not "
            f"shown: see there whether somebody else's image is among them, and {ask}, {_COUNTING}"
        )
    return f"{why}, so somebody else's image in this study would stay hidden: {ask}, {_COUNTING}"


_AND_AGAIN = "then start the load again."
_REFUSALS = (
    (
        re.compile(r"\bNHS\b", re.IGNORECASE),
        (
            "Your PACS takes only valid NHS numbers as patient IDs, and ours are none on "
            "purpose: have "
            f"our patient IDs let past that check, {_AND_AGAIN}"
        ),
    ),
    (
        re.compile(r"\bissuer\b", re.IGNORECASE),
        (
            "Your PACS takes images only of patients whose issuer it trusts: have the issuer of "
            "our "
            "patient IDs trusted, or the patients of this set entered beforehand (`pacs-bridge "
            f"case-set orders` writes them as CSV and HL7), {_AND_AGAIN}"
        ),
    ),
    (
        re.compile(
            r"0xA77[79]|\b(patient|order|worklist|requested procedure|mrn)\b", re.IGNORECASE
        ),
        (
            "Your PACS takes no images without an order or of a patient unknown to it: enter the "
            "orders of this set (`pacs-bridge case-set orders` writes them as CSV and HL7), "
            f"{_AND_AGAIN}"
        ),
    ),
    (
        re.compile(r"0x0122|not accepted|not supported|unsupported", re.IGNORECASE),
        (
            "Your PACS does not take {kind}: allow the kind there, or agree with the scheme on a "
            "set "
            f"without it, {_AND_AGAIN}"
        ),
    ),
    (
        re.compile(r"0x0124|not authori[sz]ed|permission|denied", re.IGNORECASE),
        f"Your PACS does not let us store: allow our AE title to send to it, {_AND_AGAIN}",
    ),
    (
        re.compile(r"0xA7"),
        (
            "Your PACS says that it has no room for these images (out of resources): have room "
            "made "
            f"there, {_AND_AGAIN}"
        ),
    ),
    (
        re.compile(r"0xA9"),
        (
            "Your PACS refused these images, saying that they do not match their kind of object "
            "(status {status}): ask your PACS supplier what it misses or dislikes in them, tell "
            f"the scheme, {_AND_AGAIN}"
        ),
    ),
    (
        re.compile(r"0xC[0-9A-F]{3}"),
        (
            "Your PACS refused these images, saying that it cannot understand them (status "
            "{status}): ask your PACS supplier to look in its log for what stops it, tell the "
            f"scheme, {_AND_AGAIN}"
        ),
    ),
)
_REFUSED = f"Your PACS refused images of this case: mend the reason it gives, {_AND_AGAIN}"
_KIND = re.compile(r"The PACS (?:takes no|does not take) ([^.]+?)(?: as |\.|\)|$)")


UNMATCHED = "Your PACS holds these as unmatched. Ask for: verify, or link to order."


def word_refusal(comments: Iterable[str]) -> str:
    """Say what to do about images that a PACS refused, by what it said of them."""
    said = "\n".join(comments)
    words = next((words for pattern, words in _REFUSALS if pattern.search(said)), _REFUSED)
    kind = _KIND.search(said)
    status = re.search(r"0x[0-9A-F]{4}", said)
    return words.replace("{kind}", "images of this kind" if kind is None else kind[1]).replace(
        "{status}", "" if status is None else status[0]
    )


LOST = (
    "Your PACS held all of this case and does not find it now: have its index checked and the "
    "study restored; if it was deleted there, start the load again."
)
"""Of a case that was there when the load was ready."""

_LOOK_THERE = (
    "among failed imports and unmatched studies and have it linked to an order (`pacs-bridge "
    "case-set orders` writes the orders); if it is in neither, have the index checked, then start "
    "the load again."
)
ABSENT = (
    "The case did not arrive, though your PACS said that it stored every image: look for it there "
    f"{_LOOK_THERE}"
)
ROUTED = (
    "The case did not arrive, though the router before your PACS took every image: see whether "
    "the router still holds it or failed to pass it on, else look for it in the PACS "
    f"{_LOOK_THERE}"
)
"""Of a case that was taken and is not found."""

_CONFLICTS = (
    (
        " pixels there and ",
        (
            "Your PACS keeps these images at another size than we sent: have it store them "
            "unchanged, "
            "delete this study there, then start the load again."
        ),
    ),
    (
        "of another kind there",
        (
            "Your PACS holds other objects under the numbers of our images: delete this study "
            "there, "
            "then start the load again."
        ),
    ),
    (
        "another study stands under",
        (
            "Another study stands in your PACS under our accession number: have that study given "
            "its "
            "own number (it may be a real patient's: do not delete it), then start the load again."
        ),
    ),
    (
        "images of another patient",
        (
            "Your PACS holds another patient's image inside this study: have that image moved to "
            "where it belongs (do not delete it), then start the load again."
        ),
    ),
)
_CONFLICT = (
    "Your PACS holds a mammogram inside this study that is not ours and may be another patient's: "
    "have that image moved to where it belongs (do not delete it), then start the load again."
)


def word_conflict(conflict: str) -> str:
    """Say what to do about what stands under our number, by what was found of it."""
    return next((words for sign, words in _CONFLICTS if sign in conflict), _CONFLICT)


NEARLINE = (
    "Your PACS keeps these images in its slow archive: have them fetched to online storage "
    "before readers begin."
)
OFFLINE = (
    "Your PACS says that these images are off line, where nobody can open them: have them brought "
    "back to online storage before readers begin."
)

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
        "have the study taken out of that record, and automatic matching switched off for our "
        "patients."
    )


def word_stranger(ours: str) -> str:
    """Say that a case was filed as another patient's; whose is shown to nobody."""
    return (
        "Your PACS filed it under another patient's order, with that one's accession number and "
        f"name in place of {ours}: have the study taken out of that order and given ours back."
    )


def word_unmatched(accession: str, *, nameless: bool = False) -> str:
    """Say that a study is there and that a search by its number does not find it."""
    why = (
        f" It gives no accession number with it: see that {accession} is entered."
        if nameless
        else ""
    )
    return f"{UNMATCHED}{why} Until then a search for {accession} does not find it."


def word_accepted(search_for: str) -> str:
    """Tell readers what a contact has accepted."""
    return f"Readers search for {search_for}; your contact has accepted that."
