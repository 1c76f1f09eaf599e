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


def _hiding(quirk: str, *says: str) -> Promise:
    """All of ours is found, and nothing shows that nobody else's image stands with it."""
    return Promise(quirk, False, "counted", says=says)


_SLOW = 20.0
_CUT = 5 if CASES < 16 else 20  # images; a line that never lasts a batch is given up, 5 x 8 times

PROMISES = (
    # Storing
    Promise("refuse-first=3"),
    _refused("always-full", "room"),
    _refused("refuse-store-a900", "do not match their kind"),
    _refused("cannot-understand-c000", "cannot understand"),
    _refused("not-authorised", "allow"),
    Promise("drop=5"),
    _refused("drop=1", "failed imports"),
    Promise("warn-coercion"),
    Promise("warn-b006"),
    Promise("warn-b007"),
    _refused(
        "refuses-tomosynthesis", "does not take", kind="with tomosynthesis", complete="partial"
    ),
    Promise("accepts-only-implicit"),
    Promise("no-jpeg", kind="rle"),
    Promise("overwrites-duplicates"),
    Promise("rejects-duplicates"),
    Promise("no-commitment"),
    Promise("commitment-never"),
    Promise("commitment-partial"),
    Promise("shrinks-images", False, "conflict", says=("another size",)),
    # Timing
    Promise("slow-index=0.5", patience=_SLOW),
    Promise("router-delay=0.5", routed=True, patience=_SLOW),
    Promise("drop=1", False, "missing", "not by name", says=("router",), routed=True),
    Promise("stall=2"),
    Promise("answer-late=0.05"),
    Promise("slow-find=0.02"),
    Promise("reject-transient=2"),
    Promise("one-association-only"),
    Promise(f"abort-mid-set={_CUT}"),
    Promise(f"drops-link={_CUT}"),
    Promise("abort-find"),
    # Finding
    Promise("refuse-image-level", False, "counted", says=("image level",)),
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
    _renamed("rename-accession", "search for RVX"),
    _renamed("coerces-accession", "search for XPERFORMS121101"),
    _renamed("coerces-patient-id", "patient ID"),
    _renamed("truncates-patient-id=12", "cut off"),
    _renamed("merge-lookalikes", "real person", "taken out"),
    _renamed("studyid-collision", "another patient", "taken out"),
    Promise("nulls-accession", False, findable="not by name", says=("unmatched",)),
    Promise("quarantine", False, findable="not by name", says=("unmatched", "link to order")),
    _absent("needs-order", "failed imports"),
    _refused("trusted-issuer-only", "issuer", "patient"),
    _refused("nhs-number-check", "NHS number"),
    # Availability
    Promise("nearline", False, near="nearline", says=("online",)),
    Promise("offline-after=0", False, near="nearline", says=("off line",)),
    Promise("fewer-keys-when-archived", near="unknown"),
    _absent("loses-index", "did not arrive"),
    Promise("loses-studies=2", False, "", "", says=("did not arrive",)),
    Promise("extra-objects"),
    Promise("foreign-image-in-study", False, "conflict", says=("delete",)),
    Promise("foreign-patient-in-study", False, "conflict", says=("delete",)),
    # Drift: ready, and then not any more
    Promise("offline-after=0", False, near="nearline", says=("online",), then=True),
    _absent("loses-index=0", "restored", then=True),
    Promise("loses-studies=2", False, "", "", says=("restored",), then=True),
    Promise("foreign-image-in-study", False, "conflict", says=("delete",), then=True),
)  # fmt: skip
"""One line a quirk, or a few where its value or its moment matters."""

_SEEN = "conflict" if CASES < 3 else ""  # of a whole set, a sample is looked at
_CAPPED = ("stops after 1 answer", "limit")

TOGETHER = (
    _hiding("cap=1,foreign-image-in-study", *_CAPPED),
    _hiding("cap=1,foreign-patient-in-study", *_CAPPED),
    _hiding("cap=1,foreign-image-in-study,wrong-counts=4", *_CAPPED),
    _hiding("cap-refuses=1,foreign-image-in-study", *_CAPPED),
    _hiding("cap=1,no-counts", *_CAPPED),
    _hiding("refuse-series-level,no-counts", "SERIES level"),
    _hiding("refuse-series-level,extra-objects", "SERIES level"),
    _hiding("no-study-root,foreign-patient-in-study", "counts 1 object"),
    _hiding("no-study-root,no-counts", "Study Root"),
    Promise("shrinks-images,fewer-keys-when-archived", False, _SEEN, says=("another size",)),
    Promise("shrinks-images,keys-are-conditions", False, _SEEN, says=("another size",)),
    Promise(
        "fewer-keys-when-archived,foreign-patient-in-study",
        False,
        "conflict",
        says=("not ours",),
    ),
    Promise("fewer-keys-when-archived,extra-objects", near="unknown"),
    Promise("cap=1,extra-objects"),
    Promise("cap=1,near-miss-accessions"),
    Promise("cap=2,foreign-image-in-study", False, "conflict", says=("delete",)),
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
        if not (names & _SHORT and names & blind) and not any(names >= two for two in _APART):
            return drawn
