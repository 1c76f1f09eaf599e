"""Forwarding a reading and sending feedback, killed (SIGKILL) at one step: a program for tests.

``python -m tests.dying_feedback`` reads lines of a job, its number, STEP and words, with tabs
between, and has a child of its own do that job until it comes to STEP, where it dies. It says how
each child ended.
"""

from __future__ import annotations

import gc
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import highdicom.sr  # noqa: F401  taken in once, not once a death
import pydicom  # noqa: F401
from sqlalchemy.orm import sessionmaker

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.repositories.feedback import FeedbackOnPacs
from pacs_bridge.db.repositories.readings import Outbox
from pacs_bridge.db.repositories.reports import Reports
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.scoring.client import HttpScorer
from pacs_bridge.services import forward, send_feedback, show_feedback
from pacs_bridge.services.reports import Keeper
from pacs_bridge.sr import write_measurements, write_state  # noqa: F401
from tests.case_set_builders import KEY_UID, SET
from tests.databases import Clock, RememberedJobs
from tests.dying_jobs import after, before
from tests.dying_node import Death
from tests.peers import ROOT

FORWARDING = (
    "report archived", "report row written", "report named", "reading taken",
    "receipt written", "report taken", "delivery written",
)  # fmt: skip
ASKING = ("feedback written", "job queued", "feedback kept")
SENDING = (
    "object archived",
    "ledger written",
    "in doubt",
    "object taken",
    "answer written",
    "seen",
)
SECRET = b"a secret of the tests, long enough"


class FolderPeer:
    """A PACS that is a folder: it outlives whoever sends to it."""

    def __init__(self, folder: Path, death: Death) -> None:
        self._folder, self._at = folder, death.at

    def store(self, _pacs: Any, objects: Any, **_: Any) -> Iterator[Any]:
        """Keep each under a name of its own time, so that what comes twice is seen twice."""
        from pacs_bridge.domain.ports import StoreAnswer

        for each in objects:
            number = len(list(self._folder.iterdir()))
            name = f"{each.sop_instance_uid}_{number}"
            (self._folder / name).write_bytes(each.path.read_bytes())
            self._at("object taken")
            yield StoreAnswer(each.sop_instance_uid, 0)

    def find_images(self, _pacs: Any, images: Any) -> dict[str, bool]:
        """Say honestly what is there."""
        held = {path.name.split("_")[0] for path in self._folder.iterdir()}
        return {each.sop_instance_uid: each.sop_instance_uid in held for each in images}


def main(job: str, number: int, death: Death, words: dict[str, str]) -> None:
    """Do one job until the step comes."""
    engine = make_engine(words["database"])
    clock = Clock()
    begin = partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), RememberedJobs())
    archive = LocalArchive(Path(words["archive"]))

    def at(step: str) -> Callable[[], None]:
        return lambda: death.at(step)

    after(LocalArchive, "put", at("report archived" if job == "forward" else "object archived"))
    after(Reports, "add", at("report row written"))
    after(Outbox, "seal", at("report named"))
    after(HttpScorer, "post_reading", at("reading taken"))
    after(Outbox, "receive", at("receipt written"))
    after(HttpScorer, "put_report", at("report taken"))
    after(Reports, "settle", at("delivery written"))
    after(FeedbackOnPacs, "ask", at("feedback written"))
    after(UnitOfWork, "enqueue", at("job queued"))
    after(show_feedback, "ask_feedback", at("feedback kept"))
    after(FeedbackOnPacs, "add_objects", at("ledger written"))
    before(send_feedback, "send_lanes", at("in doubt"))
    after(FeedbackOnPacs, "settle", at("answer written"))
    after(FeedbackOnPacs, "see", at("seen"))
    if job == "forward":
        scorer = HttpScorer(words["scorer"], SECRET, timeout=180)
        keeper = Keeper(begin, archive, clock, KEY_UID)
        forward.forward_reading(
            number, begin=begin, scorer=scorer, now=clock, archive=archive, keep=keeper.keep
        )
    elif job == "ask":
        show_feedback.ask_feedback(str(SET), "R001", begin=begin, now=clock)
    else:
        peer: Any = FolderPeer(Path(words["pacs"]), death)
        render = Path(words["picture"]).read_bytes()
        send_feedback.FeedbackSender(begin, peer, archive, clock, KEY_UID, lambda _: render).send(
            number
        )


def serve() -> None:
    """Let children die as they are told; says how each ended."""
    gc.freeze()
    for line in sys.stdin:
        job, number, step, *words = line.rstrip("\n").split("\t")
        child = os.fork()  # there is one thread here, and nothing is open
        if child == 0:
            try:
                told = dict(word.split("=", 1) for word in words)
                main(job, int(number), Death(step, 1), told)
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


class Deaths:
    """The program, told from a test what to do and where to die."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.dying_feedback"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip

    def do(self, job: str, number: int, step: str = "never", **words: object) -> int:
        """Do a job to its end, or to its death; gives how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = "\t".join([job, str(number), step, *(f"{k}={v}" for k, v in words.items())])
        self._process.stdin.write(f"{line}\n".encode())
        heard, _, _ = select.select([self._process.stdout], [], [], 300)
        assert heard, f"waited in vain for {job} to die when {step}"
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


if __name__ == "__main__":
    serve()
