"""Write `docs/quirks.md`: what a contact sees of a load into a PACS with each quirk.

``python -m tests.zoo_report`` prints it; ``--write`` puts it into ``docs/``; ``--blind N``
prints the same in an order drawn with N and without the quirks, to be judged by somebody who
does not know them; ``--key N`` tells which is which.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs_bridge.sandbox.pacs_quirks import FAMILIES, SWITCHES, Stall
from tests.zoo import Seen, run
from tests.zoo_table import PROMISES, TOGETHER, Promise

_DOCS = Path(__file__).parents[1] / "docs" / "quirks.md"
_HEAD = """# Quirks of PACS, and what a contact then sees

`pacs-bridge sandbox pacs --aet HOSPITAL --port 11112 --quirk NAME[=VALUE]` behaves so;
`--quirk` may be repeated, `--list-quirks` lists them all. A site's PACS manager can so see
what our node does with a PACS like theirs. A router is `--router AET@HOST:PORT`: it says
Success and delivers later.

Written by `make zoo` from real loads of a small set into that PACS. *Later* means that the
load was ready before. Under *sees* stand the load's readiness and the three answers of its
cases; then what is to be done, as it stands beside the case, and the load's own note.
A PACS that is ready leaves nothing to do.

Where a PACS does not tell the sizes of images, some are fetched back and looked at before the
load is ready. That it compresses them with loss, or drops attributes, is found out by the images
that are fetched back of every ready load; it makes the load amber and not unready.
"""


def seen_by(promise: Promise) -> Seen:
    """Load a small set as a promise says."""
    quirks = promise.quirks
    with TemporaryDirectory() as folder:
        return run(
            Path(folder) / "load",
            () if promise.then else quirks,
            kind=promise.kind,
            then=quirks if promise.then else None,
            routed=promise.routed,
            patience=promise.patience,
        )


def verdict(seen: Seen) -> str:
    """The readiness and the three answers."""
    answers = (seen.complete, seen.findable, seen.near)
    return "; ".join([f"**{seen.readiness}**", *(" / ".join(sorted(each)) for each in answers)])


def sentence(seen: Seen) -> str:
    """What is to be done, and the note of the load."""
    if not (seen.sentences or seen.note):
        return "Nothing."
    note = [f"*Load:* {seen.note}"] if seen.note else []
    return "<br>".join([*seen.sentences[:2], *note]).replace("|", "\\|")


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
        yield "| quirk | the PACS | contact sees | contact does | seen in |\n|---|---|---|---|---|"
        for promise in (each for each in PROMISES if each.name in names):
            each, switch = seen[promise], SWITCHES[promise.name]
            cells = [_how(promise), switch.about, verdict(each), sentence(each), switch.source]
            yield f"| {' | '.join(cells)} |"
    yield "\n## Together\n\nWhat one hides that the other would show.\n"
    yield "| quirks | contact sees | evidence | contact does |\n|---|---|---|---|"
    for promise in TOGETHER:
        each = seen[promise]
        cells = [_how(promise), verdict(each), "<br>".join(each.evidence[:2]), sentence(each)]
        yield f"| {' | '.join(cells)} |"


def blind(seen: dict[Promise, Seen], seed: int) -> Iterator[str]:
    """Write what a contact sees, numbered in an order of its own, without the quirks."""
    yield "| no. | contact sees | evidence | contact does |\n|---|---|---|---|"
    for number, promise in enumerate(shuffled(seed), 1):
        each = seen[promise]
        evidence = "<br>".join(each.evidence[:2])
        yield f"| {number} | {verdict(each)} | {evidence} | {sentence(each)} |"


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
    seen = {promise: seen_by(promise) for promise in (*PROMISES, *TOGETHER)}
    lines = whole(seen) if asked.blind is None else blind(seen, asked.blind)
    text = "\n".join(lines) + "\n"
    if asked.write:
        _DOCS.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
