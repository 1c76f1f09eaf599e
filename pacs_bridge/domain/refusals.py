"""What to do about images that a PACS refused, by what it said of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from pacs_bridge.domain.sentences import PACK, START_AGAIN, About

_PHASE = re.compile(r" ?\(failed at: [^)]*\)")
_KIND = re.compile(r"The PACS (?:takes no|does not take) ([^.]+?)(?: as |\.|\)|$)")

_NHS = (
    "it takes only valid NHS numbers as patient IDs. Ours are none on purpose, so that they are "
    "nobody's. Have patient IDs that begin with {prefix} let past that check."
)
_ISSUER = (
    "it takes only patients of an issuer (assigning authority) that it trusts. Ours is {issuer}. "
    "Have that issuer trusted, or enter our patients beforehand, under that same "
    "issuer ({pack})."
)
_ORDER = (
    "it takes no images without an order, or of a patient unknown to it. Enter the orders of this "
    "set ({pack})."
)
_NOT_OURS = "our AE title {title} may not store there. Allow {title} to store."
_FULL = "it says that it has no room for them (out of resources). Have room made there."
_UNFIT = """it says that they do not match their kind of object (status {status}: \
Data Set does not match SOP Class). Which attribute it objects to, only its log tells.
1. Ask your PACS supplier for the log of our calls (AE title {title}): which attribute is missing \
or rejected?
2. If the PACS can be set to take them, have that done. Then press Start again.
3. If not, send the log to the scheme: it mends the images and starts the load again."""
_STRANGE = """it says only that it cannot understand them (status {status}). The cause stands in \
its log.
1. Ask your PACS supplier to look there for our calls (AE title {title}): what stopped it?
2. If the cause is in the PACS, have it mended. Then press Start again.
3. If it is in our images, send the log to the scheme: it mends them and starts the load again."""
_WORDS = (
    (r"\bNHS\b", _NHS),
    (r"\bissuer\b", _ISSUER),
    (r"0xA77[79]|\b(patient|order|worklist|requested procedure|mrn)\b", _ORDER),
    (r"0x0124|not authori[sz]ed|permission|denied", _NOT_OURS),
    (r"0xA7", _FULL),
    (r"0xA9", _UNFIT),
    (r"0xC[0-9A-F]{3}", _STRANGE),
)
_OF_PATIENTS = (_NHS, _ISSUER, _ORDER)
_OTHER = (
    "it says: {said}. Ask your PACS supplier what that means, and have it mended; if the cause is "
    "in our images, send the answer to the scheme."
)
_ELSE = "\nIf that cannot be done, tell the scheme."
_UNSUPPORTED = re.compile(r"0x0122|not accepted|not supported|unsupported", re.IGNORECASE)


def plain(comment: str) -> str:
    """What a PACS said of an image, without the phase in which that was."""
    return _PHASE.sub("", comment).rstrip(". ")


def say_refused(said: Mapping[str, str], skipped: Collection[str]) -> str:
    """Say what a PACS said of images that it does not have, by UID, and which were not sent."""
    told = ""
    for uids, how in (
        ([uid for uid in said if uid not in skipped], "refused by the PACS"),
        ([uid for uid in said if uid in skipped], "not sent"),
    ):
        if uids:
            why = plain(said[uids[0]])
            why = why.removeprefix("0x0122: ") if how == "not sent" else why
            told += f"; {len(uids)} {how} ({why})"
    return told


def word_refusal(comments: Collection[str], of: About, *, skipped: bool = False) -> str:
    """Say what to do about images that a PACS refused, by what it said of them.

    Parameters
    ----------
    skipped : bool
        Whether they were not even sent, because it takes none of their kind.
    """
    said = "\n".join(comments)
    words = next((words for sign, words in _WORDS if re.search(sign, said, re.IGNORECASE)), "")
    if skipped or (_UNSUPPORTED.search(said) and words not in _OF_PATIENTS):
        return _word_kind(said, len(comments), of, "not sent" if skipped else "refused")
    status = re.search(r"0x[0-9A-F]{4}", said)
    told = (words or _OTHER).format(
        prefix=of.prefix,
        issuer=f"“{of.known.issuer}”" if of.known.issuer else "named in the orders",
        pack=PACK,
        title=of.known.storing,
        status="" if status is None else status[0],
        said=plain(next(iter(comments))).replace("{", "(").replace("}", ")"),
    )
    end = "" if "\n" in told else f" {START_AGAIN}{_ELSE if words else ''}"
    return f"Your PACS refused {_how_many(len(comments), of)} of this case: {told}{end}"


def _word_kind(said: str, number: int, of: About, how: str) -> str:
    """Of images that it takes none of the kind of, with the choice that leaves."""
    found = _KIND.search(said)
    kind = "images of this kind" if found is None else found[1]
    them = "it" if number == 1 else "them"
    images = _how_many(number, of)
    was = f"of this case {'was' if number == 1 else 'were'} {how}"
    return (
        f"{images[0].upper()}{images[1:]} {was}: your PACS does not take {kind}. Choose one:\n"
        f"- Have that kind allowed for our AE title {of.known.storing}. {START_AGAIN}\n"
        f"- Ask the scheme for {them} on media, and import {them}. Then press Check again.\n"
        "- Or tell the scheme to leave this case out at your PACS; your readers can read it on "
        f"our own web page instead.{_rest(number, of)}"
    )


def _rest(number: int, of: About) -> str:
    """Say what becomes of those that the PACS took."""
    if number >= of.wanted:
        return ""
    return (
        " When it has agreed, delete what your PACS has of this case, so that nobody reads a part "
        f"({of.uid})."
    )


def _how_many(number: int, of: About) -> str:
    if number == of.wanted:
        return "the only image" if number == 1 else f"all {number} images"
    return f"{number} of {of.wanted} images"
