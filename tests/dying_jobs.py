"""Jobs and a node that kill themselves (SIGKILL) at one step of a load: a program for tests.

``python -m tests.dying_jobs`` reads lines of HOME, STEP and COUNT, with tabs between, and has a
child of its own run that home's jobs and node until it comes to STEP for the COUNT-th time. It says
``serving PID`` when a child is about to begin, and how each ended.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

from pacs_bridge.db.repositories.commitment import Commitments
from pacs_bridge.db.repositories.loads import Loads
from pacs_bridge.db.repositories.people import Enrolments
from pacs_bridge.db.repositories.watch import Mails
from pacs_bridge.scu.commit import DimseCommitter
from pacs_bridge.scu.find import Questions
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services import commit_load, commitment, mails, send, verify
from pacs_bridge.upper_layer import requested
from pacs_bridge.upper_layer.command import Field
from pacs_bridge.upper_layer.eventful import EventfulAssociation
from pacs_bridge.upper_layer.requested import RequestedAssociation
from pacs_bridge.wiring import jobs, node
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.logs import set_up_logs
from tests.dying_node import Death
from tests.peers import ROOT

SENDING = (
    "doubted",
    "half sent",
    "sent",
    "answered",
    "row written",
    "row kept",
    "lanes ended",
    "chunk sent",
    "next chunk",
)
"""Marked as in doubt; half of an image out; all of it out, unanswered; answered, not written down;
written, not committed; committed; the association at its end; before and after the step is kept."""

COMMITTING = (
    "commitment due",
    "request written",
    "request kept",
    "action sent",
    "action answered",
    "answer written",
    "report arrived",
    "report written",
    "report kept",
    "commitment asked",
)

VERIFYING = (
    "asked",
    "swept",
    "verdict written",
    "released",
    "mail queued",
    "verdict kept",
    "mail due",
    "mail settled",
)


def before(owner: Any, name: str, at: Callable[[], None]) -> None:
    """Do something at the start of each call of a function."""
    call = getattr(owner, name)

    @wraps(call)
    def called(*args: Any, **told: Any) -> Any:
        at()
        return call(*args, **told)

    setattr(owner, name, called)


def after(owner: Any, name: str, at: Callable[[], None]) -> None:
    """Do something once a call of a function is done, before its caller knows."""
    call = getattr(owner, name)

    @wraps(call)
    def called(*args: Any, **told: Any) -> Any:
        answer = call(*args, **told)
        at()
        return answer

    setattr(owner, name, called)


class Deadly:
    """Has every step of a load call on a death."""

    def __init__(self, death: Death) -> None:
        self._death = death
        self._sending()
        self._on_the_wire()
        self._committing()
        self._verifying()

    def _at(self, step: str) -> Callable[[], None]:
        return lambda: self._death.at(step)

    def _sending(self) -> None:
        lanes, at = send.send_lanes, self._death.at

        def send_lanes(*args: Any, keep: Callable[[Any], str], **told: Any) -> Any:
            def keep_and_die(answer: Any) -> str:
                at("answered")
                said = keep(answer)
                at("row kept")
                return said

            at("doubted")
            return lanes(*args, keep=keep_and_die, **told)

        setattr(send, "send_lanes", send_lanes)  # noqa: B010
        after(Loads, "settle", self._at("row written"))
        before(send, "_close", self._at("lanes ended"))
        before(send, "send_next", self._at("next chunk"))
        after(send, "send_next", self._at("chunk sent"))

    def _on_the_wire(self) -> None:
        write, last, at = requested.send, RequestedAssociation._last_answer, self._death.at

        def send_half(connection: Any, buffers: Any, deadline: Any) -> None:
            whole = b"".join(buffers)
            if len(whole) > 1_000:  # an image, and no question
                write(connection, [whole[: len(whole) // 2]], deadline)
                at("half sent")
                whole = whole[len(whole) // 2 :]
            write(connection, [whole], deadline)

        def last_answer(self: Any, request: Any, *args: Any) -> Any:
            if request.field == Field.C_STORE:
                at("sent")
            if request.field == Field.N_ACTION:
                at("action sent")
            return last(self, request, *args)

        setattr(requested, "send", send_half)  # noqa: B010
        setattr(RequestedAssociation, "_last_answer", last_answer)  # noqa: B010

    def _committing(self) -> None:
        before(commit_load, "ask_commitment", self._at("commitment due"))
        after(commit_load, "ask_commitment", self._at("commitment asked"))
        after(Commitments, "add", self._at("request written"))
        before(DimseCommitter, "request_commitment", self._at("request kept"))
        after(EventfulAssociation, "tell", self._at("action answered"))
        after(Commitments, "settle", self._at("answer written"))
        before(commitment, "take_report", self._at("report arrived"))
        after(Commitments, "keep_report", self._at("report written"))
        after(commitment, "take_report", self._at("report kept"))

    def _verifying(self) -> None:
        find, at = DimsePeer.find_cases, self._death.at

        def find_cases(self: Any, *args: Any) -> Iterator[Any]:
            yield from find(self, *args)
            at("swept")

        setattr(DimsePeer, "find_cases", find_cases)  # noqa: B010
        before(Questions, "ask", self._at("asked"))
        after(Loads, "keep_sweep", self._at("verdict written"))
        after(Enrolments, "release", self._at("released"))
        after(Mails, "add", self._at("mail queued"))
        after(verify, "verify_load", self._at("verdict kept"))
        before(mails, "deliver_mail", self._at("mail due"))
        after(mails, "deliver_mail", self._at("mail settled"))


def main(home: Path, step: str, count: int) -> None:
    """Run a home's jobs and node until the step comes."""
    set_up_logs()
    Deadly(Death(step, count))
    installation = Installation.open(home)
    listener, role = node.build_node(installation), jobs.build_jobs(installation)
    listener.start()
    _say(f"serving {os.getpid()}")  # from here on it may die at any moment
    role.start()
    select.select([sys.stdin], [], [], 900)  # until whoever asked for this has gone


def serve() -> None:
    """Let children die as they are told; says how each ended."""
    gc.freeze()
    for line in sys.stdin:
        home, step, count = line.rstrip("\n").split("\t")
        child = os.fork()  # there is one thread here, and nothing is open
        if child == 0:
            try:
                main(Path(home), step, int(count))
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        _say(f"ended {os.waitstatus_to_exitcode(status)}")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


class Deaths:
    """The program, told from a test what to run."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.dying_jobs"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        self._child: int | None = None

    def begin(self, home: Path, step: str = "never", count: int = 1) -> None:
        """Run the jobs and the node of a home."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{home}\t{step}\t{count}\n".encode())
        said, pid = self._hear("to serve").split()
        assert said == "serving"
        self._child = int(pid)

    def wait_for_death(self, step: str) -> None:
        """See that it was killed, by nobody but itself."""
        assert self._hear(f"to die when {step}") == "ended -9"
        self._child = None

    def end(self) -> None:
        """Kill it where it stands."""
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            self.wait_for_death("told")

    def close(self) -> None:
        """End it, whatever it does."""
        self.end()
        self._process.kill()
        self._process.communicate()

    def _hear(self, what: str) -> str:
        out = self._process.stdout
        assert out is not None
        heard, _, _ = select.select([out], [], [], 300)
        assert heard, f"waited in vain for the jobs {what}"
        return out.readline().decode().rstrip("\n")


if __name__ == "__main__":
    serve()
