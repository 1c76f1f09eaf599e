"""Write `docs/quirks.md`: what a contact sees of a load into a PACS with each quirk.

``python -m tests.zoo_report`` prints it; ``--write`` puts it into ``docs/``; ``--blind N``
prints the same in an order drawn with N and without the quirks, to be judged by somebody who
does not know them; ``--key N`` tells which is which.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs_bridge.domain.alike import alike
from pacs_bridge.domain.loading import CaseVerdict
from pacs_bridge.sandbox.pacs_quirks import FAMILIES, SWITCHES, Stall
from pacs_bridge.web.words import READINESS
from tests.zoo import Seen, run
from tests.zoo_table import PROMISES, TOGETHER, Promise

_DOCS = Path(__file__).parents[1] / "docs" / "quirks.md"
_HEAD = """# Quirks of PACS, and what a contact then sees

`pacs-bridge sandbox pacs --aet HOSPITAL --port 11112 --quirk NAME[=VALUE]` behaves so;
`--quirk` may be repeated, `--list-quirks` lists them all. A site's PACS manager can so see
what our node does with a PACS like theirs. A router is `--router AET@HOST:PORT`: it says
Success and delivers later.

Written by `make zoo` from real loads of a small set into that PACS. *Later* means that the
load was ready before. Under *load* stand its readiness and its own line, under *cases* the
three answers (complete; findable; near) of each case; then what is to be done, as it stands
beside the case. *Check again*, *Start again* and *Accept the names* are buttons of the load's
page. A PACS that is ready leaves nothing to do.

Where a PACS does not tell the sizes of images, some are fetched back and looked at before the
load is ready. That it compresses them with loss, or drops attributes, is found out by the images
that are fetched back of every ready load; it makes the load amber and not unready.
"""


_PAGE = """# What a PACS contact sees of loads

Each number is the page of one load: a small set of two test cases (4 images each) that went into
one hospital's PACS. You are that hospital's PACS contact. At its top stand a tag and the load's
own line; then a line a case. *The same* says that another case has the same line with its own
name and UIDs. The page has these buttons and links:

- **Check again**: asks the PACS about every case. Sends nothing.
- **Start again**: sends only what is missing, then checks every case.
- **Accept the names** (only where cases stand under another name): readers search for the names
  of the PACS.
- **Site pack**: addresses, forwarding rule, firewall lines, orders, and what to leave these cases
  out of.

Folded away on the page, *What the three answers mean*: *complete*: whether the PACS has every
image (proven: it listed each one; counted: the number is right, but it does not list them, or not
all that stands beside them; partial, missing: some or all are not there; conflict: something else
stands among our images, or they were changed). *Findable*: whether a reader who searches for the
case's name finds it. *Near*: whether the images are in online storage (not online: in a slow
archive, or off line; unknown: the PACS does not say).
"""


def seen_by(promise: Promise, store: Path) -> Seen:
    """Load a small set as a promise says."""
    quirks = promise.quirks
    with TemporaryDirectory(dir=store) as folder:
        return run(
            Path(folder) / "load",
            store,
            () if promise.then else quirks,
            cases=promise.cases,
            kind=promise.kind,
            then=quirks if promise.then else None,
            routed=promise.routed,
            patience=promise.patience,
        )


def standing(seen: Seen) -> str:
    """How the load stands, as its page says it: its tag, what that means, and its own line."""
    tag, _, means = READINESS[seen.readiness]
    return "<br>".join(filter(None, [f"**{tag}**: {means}", _cell(seen.note)]))


def lines(seen: Seen) -> list[tuple[str, str, str, str]]:
    """Each case as the page shows it: case, answers, evidence, what to do.

    Cases of which all is the same but their names stand in one line, told of the first.
    """
    return [_line(each) for each in alike(seen.cases)]


def _line(cases: list[CaseVerdict]) -> tuple[str, str, str, str]:
    first, *more = cases
    names = first.accession
    if more:
        names += f"<br>({', '.join(each.accession for each in more)}: the same)"
    answers = f"{first.complete}; {first.findable}; {first.near.words}"
    return names, answers, _cell(first.evidence), _cell(first.instruction or "Nothing")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def _how(promise: Promise) -> str:
    more = [word for word, so in (("later", promise.then), ("at a router", promise.routed)) if so]
    return f"`{promise.quirk}`" + (f" ({', '.join(more)})" if more else "")


def _about(promise: Promise) -> str:
    return " ".join(SWITCHES[quirk.partition("=")[0]].about for quirk in promise.quirks)


def whole(seen: dict[Promise, Seen]) -> Iterator[str]:
    """Write the page, a table a family."""
    yield _HEAD
    for title, family in FAMILIES.items():
        names = {switch.name for switch in family}
        yield f"\n## {title.capitalize()}\n"
        yield "| quirk | the PACS | load | cases | contact does | seen in |"
        yield "|---|---|---|---|---|---|"
        for promise in (each for each in PROMISES if each.name in names):
            switch = SWITCHES[promise.name]
            for cells in _rows(seen[promise], evidence=False):
                yield f"| {' | '.join([_how(promise), switch.about, *cells, switch.source])} |"
    yield "\n## Together\n\nWhat one hides that the other would show.\n"
    yield "| quirks | load | cases | evidence | contact does |\n|---|---|---|---|---|"
    for promise in TOGETHER:
        for cells in _rows(seen[promise], evidence=True):
            yield f"| {_how(promise)} | {' | '.join(cells)} |"


def _rows(seen: Seen, *, evidence: bool) -> Iterator[list[str]]:
    for names, answers, proof, todo in lines(seen):
        proofs = [proof] if evidence else []
        yield [standing(seen), f"{names}<br>{answers}", *proofs, todo]


def blind(seen: dict[Promise, Seen], seed: int) -> Iterator[str]:
    """Write what a contact sees, numbered in an order of its own, without the quirks."""
    yield _PAGE
    yield "| no. | load | case | complete; findable; near | evidence | what to do |"
    yield "|---|---|---|---|---|---|"
    for number, promise in enumerate(shuffled(seed), 1):
        each = seen[promise]
        for place, cells in enumerate(lines(each)):
            load = "the same load" if place else standing(each)
            yield f"| {number} | {load} | {' | '.join(cells)} |"


def shuffled(seed: int) -> list[Promise]:
    """Give the promises in the order drawn with a seed."""
    drawn = [*PROMISES, *TOGETHER]
    random.Random(seed).shuffle(drawn)
    return drawn


def main() -> None:
    """Print or write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--blind", type=int, metavar="N")
    parser.add_argument("--key", type=int, metavar="N")
    asked = parser.parse_args()
    if asked.key is not None:
        for number, promise in enumerate(shuffled(asked.key), 1):
            print(f"{number}\t{_how(promise)}\t{_about(promise)}")
        return
    Stall.seconds = 3.5
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # its folder goes, too
    with TemporaryDirectory(prefix="zoo-") as store:
        seen = {each: seen_by(each, Path(store)) for each in (*PROMISES, *TOGETHER)}
    written = whole(seen) if asked.blind is None else blind(seen, asked.blind)
    text = "\n".join(written) + "\n"
    if asked.write:
        _DOCS.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
