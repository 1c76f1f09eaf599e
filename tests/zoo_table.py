"""What is to come of a load into a PACS with each quirk.

The sentence is what a contact reads who does not know the quirk; the words here are what it
must say at least.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from pacs_bridge.sandbox.pacs_quirks import SWITCHES
from tests.zoo import CASES

SAME = frozenset({"out-of-resources", "success-but-lost", "warn-b000", "patient-root-only"})
"""Second names of other quirks."""


@dataclass(frozen=True)
class Promise:
    """What a load comes to.

    Parameters
    ----------
    quirk : str
        As the command takes it; several, separated by commas.
    ready : bool
        Whether the load is ready at the end.
    complete, findable, near : str
        The three answers of each case, where they are no matter of course.
    says : tuple of str
        Words that the sentences or the load's note must hold, each in any case of letters.
    kind : str
        Of images, see `zoo.run`.
    then : bool
        Whether the PACS has the quirk only after the load was ready.
    routed : bool
        Whether it is a router's.
    patience : float
        Seconds that it may take.
    least : int
        Cases that the set must have for it to show.
    """

    quirk: str
    ready: bool = True
    complete: str = "proven"
    findable: str = "as named"
    near: str = ""
    says: tuple[str, ...] = ()
    kind: str = "plain"
    then: bool = False
    routed: bool = False
    patience: float = 0.0
    least: int = 0

    @property
    def cases(self) -> int:
        """How many cases are loaded."""
        return max(CASES, self.least)

    @property
    def name(self) -> str:
        """The first quirk's name without its value."""
        return self.quirk.partition(",")[0].partition("=")[0]

    @property
    def quirks(self) -> list[str]:
        """Each of its quirks."""
        return self.quirk.split(",")


def _refused(quirk: str, *says: str, kind: str = "plain", complete: str = "missing") -> Promise:
    return Promise(quirk, False, complete, "", says=says, kind=kind)


def _absent(quirk: str, *says: str, then: bool = False) -> Promise:
    return Promise(quirk, False, "missing", "not by name", says=says, then=then)


def _renamed(quirk: str, *says: str) -> Promise:
    return Promise(quirk, False, findable="by other name", says=says)


def _hiding(quirk: str, *says: str, least: int = 0) -> Promise:
    """All of ours is found, and nothing shows that nobody else's image stands with it."""
    return Promise(quirk, False, "counted", says=says, least=least)


_AGAIN, _CHECK = "press start again", "press check again"
_UID = "Study Instance UID 1.2.826.0.1.3680043.10.99.101.1"
_ROUTED = ("whether the router still holds it", _UID)
_UNMATCHED = (
    "Your PACS holds these as unmatched. Ask for: verify, or link to order.",
    _UID,
    _CHECK,
)
_SMALLER = ("another size than we sent: 16 x 12 pixels, ours have 32 x 24", _AGAIN)
_FOREIGN = (
    "a mammogram inside this study that is not ours",
    "SOP Instance UID",
    "do not delete it",
)
_SLOW = 20.0
_CUT = 5 if CASES < 16 else 20  # images; a line that never lasts a batch is given up, 5 x 8 times

PROMISES = (
    # Storing
    Promise("refuse-first=3"),
    _refused("always-full", "room", _AGAIN),
    _refused("refuse-store-a900", "do not match their kind", "log of our calls", _AGAIN),
    _refused("cannot-understand-c000", "cannot understand", "log", "the scheme", _AGAIN),
    _refused("not-authorised", "allow PACSBRIDGE to store", _AGAIN),
    Promise("drop=5"),
    _refused("drop=1", "failed imports", _UID, "site pack", _AGAIN),
    Promise("warn-coercion"),
    Promise("warn-b006"),
    Promise("warn-b007"),
    _refused(
        "refuses-tomosynthesis",
        "does not take Breast Tomosynthesis",
        "on media",
        "our own web page",
        kind="with tomosynthesis",
        complete="partial",
    ),
    Promise("accepts-only-implicit"),
    Promise("no-jpeg", kind="rle"),
    Promise("overwrites-duplicates"),
    Promise("rejects-duplicates"),
    Promise("no-commitment"),
    Promise("commitment-never"),
    Promise("commitment-partial"),
    Promise("shrinks-images", False, "conflict", says=_SMALLER),
    # Timing
    Promise("slow-index=0.5", patience=_SLOW),
    Promise("router-delay=0.5", routed=True, patience=_SLOW),
    Promise("drop=1", False, "missing", "not by name", says=_ROUTED, routed=True),
    Promise("stall=2"),
    Promise("answer-late=0.05"),
    Promise("slow-find=0.02"),
    Promise("reject-transient=2"),
    Promise("one-association-only"),
    Promise(f"abort-mid-set={_CUT}"),
    Promise(f"drops-link={_CUT}"),
    Promise("abort-find"),
    # Finding
    Promise("refuse-image-level", False, "counted", says=("image level", "4 images", _CHECK)),
    Promise("refuse-series-level"),
    Promise("refuse-wildcards"),
    Promise("wildcard-wrong-text"),
    Promise("first-of-list"),
    Promise("keys-are-conditions"),
    Promise("near-miss-accessions"),
    Promise("empty-success-after-abort"),
    Promise("cap=1"),
    Promise("cap-refuses=1"),
    Promise("duplicate-rows"),
    Promise("no-counts"),
    Promise("zero-counts"),
    Promise("wrong-counts=500"),
    Promise("wrong-counts=1"),
    Promise("ff01"),
    Promise("no-study-root"),
    Promise("no-patient-root"),
    Promise("empty-study-uid"),
    Promise("bad-vr"),
    Promise("no-charset"),
    Promise("charset-only-if-asked"),
    # Orders and coercion
    _renamed("rename-accession", "search for RVX", "a number of its own", "press accept the names"),
    _renamed("coerces-accession", "search for XPERFORMS121101", "press accept the names"),
    _renamed("coerces-patient-id", "patient ID RVXPERFORMS121101", "press accept the names"),
    _renamed("truncates-patient-id=12", "patient ID PERFORMS1211:", "off after 12", _UID),
    _renamed("merge-lookalikes", "real person", "taken out", "PERFORMS121101 back", _UID),
    _renamed("studyid-collision", "another patient", "taken out", "PERFORMS121101 back", _UID),
    Promise("nulls-accession", False, findable="not by name", says=(*_UNMATCHED, "it has none")),
    Promise("quarantine", False, findable="not by name", says=_UNMATCHED),
    _absent("needs-order", "failed imports", "linked to its order", _UID),
    _refused("trusted-issuer-only", "issuer", "“PERFORMS”", "site pack", _AGAIN),
    _refused("nhs-number-check", "NHS number", "begin with PERFORMS", _AGAIN),
    # Availability
    Promise("nearline", False, near="nearline", says=("slow archive", _CHECK)),
    Promise("offline-after=0", False, near="nearline", says=("off line", _CHECK)),
    Promise("fewer-keys-when-archived", near="unknown"),
    _absent("loses-index", "did not arrive", _UID),
    Promise("loses-studies=2", False, "", "", says=("did not arrive", "stored all 4 images")),
    Promise("extra-objects"),
    Promise("foreign-image-in-study", False, "conflict", says=_FOREIGN),
    Promise("foreign-patient-in-study", False, "conflict", says=_FOREIGN),
    # Drift: ready, and then not any more
    Promise("offline-after=0", False, near="nearline", says=("off line", _CHECK), then=True),
    _absent("loses-index=0", "restore", "it was ready", _UID, then=True),
    Promise("loses-studies=2", False, "", "", says=("restore", "it was ready"), then=True),
    Promise("foreign-image-in-study", False, "conflict", says=_FOREIGN, then=True),
)  # fmt: skip
"""One line a quirk, or a few where its value or its moment matters."""

_SEEN = "conflict" if CASES < 3 else ""  # of a whole set, a sample is looked at
_CAPPED = ("stops after 1 answer", "limit", "PACSBRIDGE", _CHECK)

_DUMB = "refuse-wildcards,first-of-list,no-counts"

TOGETHER = (
    _hiding("cap=1,foreign-image-in-study", *_CAPPED),
    _hiding("cap=1,foreign-patient-in-study", *_CAPPED),
    _hiding("cap=1,foreign-image-in-study,wrong-counts=4", *_CAPPED, "16 for its series"),
    _hiding("cap-refuses=1,foreign-image-in-study", *_CAPPED),
    _hiding("cap=1,no-counts", *_CAPPED),
    _hiding(_DUMB, "neither counts", "wildcards", least=6),
    _hiding("refuse-series-level,no-counts", "SERIES level", _CHECK),
    _hiding("refuse-series-level,extra-objects", "SERIES level", "leaves 3 objects"),
    _hiding("no-study-root,foreign-patient-in-study", "leaves 1 object", "Study Root"),
    _hiding("no-study-root,no-counts", "Study Root", _CHECK),
    Promise("shrinks-images,fewer-keys-when-archived", False, _SEEN, says=_SMALLER),
    Promise("shrinks-images,keys-are-conditions", False, _SEEN, says=_SMALLER),
    Promise(
        "fewer-keys-when-archived,foreign-patient-in-study",
        False,
        "conflict",
        says=_FOREIGN,
    ),
    Promise("fewer-keys-when-archived,extra-objects", near="unknown"),
    Promise("cap=1,extra-objects"),
    Promise("cap=1,near-miss-accessions"),
    Promise("cap=2,foreign-image-in-study", False, "conflict", says=_FOREIGN),
)
"""Quirks that hide together what either shows alone."""

VALUES = {promise.name: promise.quirk for promise in reversed(PROMISES)}
"""A value with which each quirk shows in a small set."""


def combination(rng: random.Random, size: int) -> list[str]:
    """Draw different quirks with values that show."""
    drawn = rng.sample(sorted(SWITCHES.keys() - SAME - {"router-delay", "stall"}), size)
    return [VALUES[name] for name in drawn]


_COUNTLESS = {
    "no-counts",
    "zero-counts",
    "wrong-counts",
    "ff01",
    "bad-vr",
    "fewer-keys-when-archived",
    "keys-are-conditions",
}
_SHORT = {"cap", "cap-refuses", "refuse-series-level"}
"""Of one with one of the other: nothing then shows what else a study holds."""


_APART = (
    {"duplicate-rows", "cap-refuses"},  # every answer is one too many
    {"empty-study-uid", "fewer-keys-when-archived"},  # nothing tells whose an answer is
)


def harmless(rng: random.Random, size: int) -> list[str]:
    """Draw different quirks, which are no reason together for a load not to be ready."""
    odd = {"slow-index", "stall", "router-delay", "one-association-only"}  # take their time
    good = sorted({p.quirk for p in PROMISES if p.ready and p.name not in odd})
    while True:
        drawn = rng.sample(good, size)
        names = {quirk.partition("=")[0] for quirk in drawn}
        blind = _COUNTLESS | {"extra-objects"} if "refuse-series-level" in names else _COUNTLESS
        is_dumb = names >= {"refuse-wildcards", "first-of-list"} and names & _COUNTLESS
        is_short = names & _SHORT and names & blind
        if not (is_dumb or is_short or any(names >= two for two in _APART)):
            return drawn
