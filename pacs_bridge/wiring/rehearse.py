"""Rehearsals with an installation's own archive, keys and peers."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pacs_bridge.domain.identifiers import REHEARSAL
from pacs_bridge.wiring.case_sets import PASSPORT_KEY, UID_KEY
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.peers import build_peer, build_retriever

if TYPE_CHECKING:
    from pacs_bridge.domain.caseset import Passport
    from pacs_bridge.services.rehearse import Rehearsal

TITLE = "REHEARSAL"
_PRACTICE = "case001"


def build_rehearse(installation: Installation) -> Callable[..., Rehearsal]:
    """Join `services.rehearse.rehearse`."""
    from pacs_bridge.services.moved import watch_arrivals
    from pacs_bridge.services.rehearse import rehearse
    from pacs_bridge.services.rehearse_mark import Marking
    from pacs_bridge.wiring.sending import sending_options

    return partial(
        rehearse,
        begin=installation.begin,
        make_set=partial(rehearsal_set, installation),
        sending=sending_options(installation),
        marking=Marking(settle=installation.config.marks.settle),
        peer=build_peer(installation),
        retriever=build_retriever(installation),
        archive=installation.archive,
        now=installation.now,
        moved=partial(watch_arrivals, read=installation.read, archive=installation.archive),
    )


def rehearsal_set(installation: Installation) -> Passport:
    """Give the set of the one synthetic case, made with its truth at the first rehearsal."""
    from pacs_bridge.sandbox.images import make_images
    from pacs_bridge.services.case_sets import import_case_set
    from pacs_bridge.services.truth import import_truth, read_truth_file

    with installation.read() as uow:
        known, truth = uow.case_sets.find(str(REHEARSAL)), uow.truths.latest(str(REHEARSAL))
    if known is not None and truth is not None:
        return known
    secret = installation.config.secret
    with TemporaryDirectory(prefix="rehearsal-") as folder:
        directory = Path(folder)
        make_images(directory, cases=2)  # the same at any time
        _keep_the_test_case(directory)
        passport = (
            known
            or import_case_set(
                directory,
                REHEARSAL,
                title=TITLE,
                partial=True,
                begin=installation.begin,
                archive=installation.archive,
                key_uid=secret(UID_KEY),
                key_passport=secret(PASSPORT_KEY),
                now=installation.now,
            ).passport
        )
        import_truth(
            read_truth_file(directory / "truth.json"),
            REHEARSAL,
            begin=installation.begin,
            key_uid=secret(UID_KEY),
            now=installation.now,
        )
        return passport


def _keep_the_test_case(directory: Path) -> None:
    """Take the practice case out of a folder of two: nobody scores one."""
    shutil.rmtree(directory / _PRACTICE)
    listed = directory / "cases.csv"
    with listed.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names, rows = list(reader.fieldnames or ()), list(reader)
    with listed.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(row for row in rows if row["kind"] != "practice")
    truth = directory / "truth.json"
    cases = json.loads(truth.read_text("utf-8"))["cases"]
    kept = [case for case in cases if case.get("kind") != "practice"]
    truth.write_text(json.dumps({"cases": kept}), "utf-8")
