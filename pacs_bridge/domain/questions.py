"""What a reader is asked, in plain words; and how a mark is said in one line.

A flag that stands in `ASKS` keeps its mark out of the reading until the reader has answered.
A flag that nobody knows asks, too: what is new must not count before somebody has looked.
"""

from __future__ import annotations

from collections.abc import Iterable

from pacs_bridge.domain.marks import NEEDS_CONFIRMATION, BreastDecision, Laterality, Mark

UNPARSED_TEXT = "unparsed-text"
"""Flag of a mark whose text was not understood at all."""

UNLINKED_NOTE = "unlinked-note"
"""Flag of a rating or finding that was written and belongs to no drawing."""

ANOTHERS = "another-readers"
"""Flag of a mark that another reader's viewer saved first."""

SEVERAL_RATINGS = "several-ratings"
"""Flag of a mark to which one save gives more than one rating."""

NEWLY_READ = "newly-read"
"""Flag of a mark that only a newer reader of ours found in what had been read before."""

NO_LONGER_READ = "no-longer-read"
"""Flag of a mark that a newer reader of ours does not find in what had been read before."""

UNREAD_OBJECT = "unread-object"
"""Flag of the note that an object holds something which could not be read at all."""

ASKS: dict[str, str] = {
    NEEDS_CONFIRMATION: "Something is drawn on {place}, and reached us as a picture only: is it "
    "a mark?",
    "ambiguous-image": "We cannot tell on which image you drew this: draw it here "
    "where you meant it, and take this one back.",
    "unknown-image": "This lies on an image that is not one of this case: draw it here "
    "where you meant it, and take this one back.",
    NEWLY_READ: "By now we can read more of what you saved, and find this on {place}: "
    "is it a mark?",
    NO_LONGER_READ: "We read what you saved otherwise by now, without this mark on {place}: "
    "is it one?",
    "outside-image": "This lies outside the image on {place}: is it a mark?",
    "ambiguous-frame": "Your viewer does not say on which frame of {place} the mark lies: is it "
    "this one?",
    "inferred-image": "Your viewer named no image; {place} is the only one that it can lie on: "
    "is it there?",
    "inferred-text": "Does your note {text} belong to the mark on {place}?",
    "decision-conflict": "You wrote {text}, which says two things of one breast: decide each "
    "breast below.",
    UNLINKED_NOTE: "You wrote {text} ({place}), and we see no drawing that belongs to it: is it "
    "a mark?",
    UNPARSED_TEXT: "We did not understand your note {text} ({place}): what do you mean by it?",
    "side-not-said": "You wrote {text} and named no breast: decide each breast below.",
    "side-or-scale": "In {text} the letter may mean a breast or a rating scale: which rating do "
    "you give?",
    "side-conflict": "You named the other breast for the mark on {place}: is it meant there?",
    "rating-conflict": "Your note {text} gives more than one rating: which one counts?",
    ANOTHERS: "The mark on {place} was saved under another name before: did you draw it yourself?",
    SEVERAL_RATINGS: "One save of yours gives more than one rating to what you drew on {place}: "
    "which one counts?",
    "rating-and-decision": "In your note {text} the rating and the decision do not fit together: "
    "which one counts?",
    "several-findings": "Your note {text} names several findings: which one counts?",
    "matrix-units": "Your viewer saved the place of the mark on {place} in an unusual way: is it "
    "there?",
}
"""Flag to the one question that it asks; the first of these that a mark carries is asked."""

ASKS_NOTHING = frozenset(
    {"uncertain", "not-a-location", "machine-mark", "not-for-presentation", "unplaced-text"}
)
"""Flags that say something and ask nothing."""

OF_DRAWINGS = frozenset(
    {"ambiguous-image", "ambiguous-frame", "inferred-image", "unknown-image", "outside-image"}
)
"""Flags of a place, which a note that stands alone does not need."""

OF_DECISIONS = frozenset({"decision-conflict", "side-not-said"})
"""Flags that are answered by deciding both breasts."""

ABOUT_THE_OBJECT = ("unread-", "too-large")
"""Beginnings of flags that are about the object as a whole, not about one of its marks."""

VANISHED = (
    "You drew a mark on {place}, and your last save does not hold it any more: do you still "
    "mean it?"
)
REJECTED = (
    "Your PACS says that what you saved of {place} was deleted there: is the mark still meant?"
)
UNSURE = (
    "The mark on {place} came on your copy under a log-in that several people use: did you draw it "
    "yourself?"
)
UNSURE_DECISION = (
    "Your copy holds a decision of the {side} breast ({said}) under a log-in that several people "
    "use: what do you decide of it?"
)
REJECTED_DECISION = (
    "Your PACS says that what you decided of the {side} breast ({said}) was deleted there: "
    "still meant?"
)
EMPTIED = (
    "What we had from you of this case was taken away since it was scored, and nothing of it is "
    "left here: read it again in your viewer, or decide both breasts here."
)
MOVED = "A later save of yours holds a mark beside this one on {place}: are both meant?"
CHANGED = (
    "Your viewer says something else of the mark on {place} since you answered: is it meant so?"
)
DIFFERS = "You rated the mark on {place} differently in your viewer and here: which one counts?"
UNREAD = "We could not read a part of what you saved: is a mark missing here? Draw it here."
UNDECIDED = "What do you decide of the {side} breast?"
TWO_DECISIONS = (
    "Two decisions on the {side} breast reached us ({said}), and it cannot be told which one "
    "is the last: which one counts?"
)
SINCE = (
    "You decided {answer} for the {side} breast here, and your viewer says {said}: which counts?"
)
SINCE_NORMAL = (
    "You said that this case is normal, and there is a mark of yours on the {side} breast: what do "
    "you decide of it?"
)
NO_LONGER = (
    "Your last save no longer says what you decided of the {side} breast ({said}): still meant?"
)

SIDES: dict[Laterality, str] = {"R": "right", "L": "left"}
DECISIONS = {"RTS": "return to screening", "RECALL": "recall", "TECH": "technical recall"}


def asking_flags(mark: Mark) -> tuple[str, ...]:
    """The flags of a mark that ask its reader something, in the order in which they are asked."""
    quiet = OF_DRAWINGS if mark.shape == "TEXT" else OF_DECISIONS
    known = [flag for flag in ASKS if flag in mark.flags and flag not in quiet]
    strange = [
        flag
        for flag in mark.flags
        if flag not in ASKS and flag not in ASKS_NOTHING and not flag.startswith(ABOUT_THE_OBJECT)
    ]
    return (*known, *dict.fromkeys(strange))


def object_flags(mark: Mark) -> tuple[str, ...]:
    """The flags of a mark that are about the object which it came in."""
    return tuple(flag for flag in mark.flags if flag.startswith(ABOUT_THE_OBJECT))


def ask(mark: Mark, flags: Iterable[str]) -> str:
    """The question of the first of these flags; empty where there is none."""
    for flag in flags:
        return phrase(
            ASKS.get(flag, "Something about the mark on {place} is unclear: is it one?"), mark
        )
    return ""


def phrase(sentence: str, mark: Mark) -> str:
    """Say a sentence of a mark."""
    return sentence.format(place=place_of(mark), text=quoted(mark.text))


def place_of(mark: Mark) -> str:
    """Where a mark lies: ``L MLO``, with the frame where the image has several."""
    place = " ".join(filter(None, (mark.laterality, mark.view)))
    place = place or ("an image" if mark.image else "no image")
    return place if mark.frame is None else f"{place}, frame {mark.frame}"


def quoted(text: str) -> str:
    """A reader's own words in quotation marks, on one line, cut where they are long."""
    plain = " ".join(text.split())
    return f"“{plain if len(plain) <= 80 else plain[:79] + '…'}”"


def words_of(mark: Mark) -> str:
    """A mark in one line: ``L MLO, ill-defined mass, 4``."""
    finding = "" if mark.finding is None else mark.finding.meaning or mark.finding.value
    if not finding and mark.shape == "TEXT":
        finding = quoted(mark.text)
    rating = "no rating" if mark.rating is None else str(mark.rating)
    if mark.shape == "TEXT" and mark.rating is None:
        rating = ""
    told = finding[:1].lower() + finding[1:] if finding[1:2].islower() else finding
    return ", ".join(filter(None, (place_of(mark), told or "mark", rating)))


def decision_words(breast: BreastDecision) -> str:
    """A decision in words: ``recall``; ``nothing`` where none was made."""
    return DECISIONS.get(breast.decision or "", "nothing")
