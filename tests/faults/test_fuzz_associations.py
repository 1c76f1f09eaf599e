"""Damaged conversations and damaged objects: answered or cut, never hung, never half taken.

300 cases in `make test`, 20,000 in `make fuzz` and `make faults`. A case is its number: what a
run found is repeated by that number alone, and stays below among the fixed ones.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pydicom
import pytest
from pydicom import Dataset

from pacs_bridge.services.arrivals import hand_over
from pacs_bridge.wiring.installation import Installation
from tests.builders import a_passport
from tests.hostile.mutations import conversations, data_sets, mutate, questions
from tests.hostile.peer import EXPLICIT, Peer
from tests.hostile.siege import FULL, HostileNode, assert_answered_in_time, running
from tests.raw_peer import p_data
from tests.waiting import wait_until

CASES = int(os.environ.get("FUZZ_CASES", "20000" if FULL else "300"))
SEED = 20261122
AT_ONCE = 4
STATUSES = {0x0000, 0x0122, 0x0124, 0xA700, 0xA900, 0xC000, 0xC001}
OUR_FAILURES = ("association broken", "admission failed", "end not kept", "Traceback")
HANGS_AFTER = 60.0  # seconds; the node cuts long before

OF_QUESTIONS = CASES // 5
OF_CONVERSATIONS = OF_OBJECTS = (CASES - OF_QUESTIONS) // 2

FOUND_IN_CONVERSATIONS: tuple[int, ...] = ()
FOUND_IN_DATA_SETS: tuple[int, ...] = ()
FOUND_IN_QUESTIONS: tuple[int, ...] = ()
"""Numbers of cases that once were answered wrongly; they run always."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileNode]:
    # Who is damaged has ended what it says: nothing here is cut for being slow, so nobody must be.
    with running(tmp_path_factory.mktemp("fuzz"), ways="" if FULL else "patient") as node:
        installation = Installation.open(node.home)
        with installation.begin() as uow:  # so that there is something to find
            uow.loads.plan(a_passport(), "hospital", installation.now())
        installation.engine.dispose()
        for sound in questions():  # each is answered, and what it needs is loaded
            assert ask(node, *sound) == 0x0000
        yield node


def case(number: int) -> random.Random:
    """The chance of one case."""
    return random.Random(f"{SEED}-{number}")


class Honest:
    """An honest peer that looks in as long as cases run."""

    def __init__(self, node: HostileNode) -> None:
        self._node, self.seconds, self.before = node, [0.0], node.measure()
        self._over = threading.Event()

    def __enter__(self) -> Honest:
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(self._look_in)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()

    def _look_in(self) -> None:
        while not self._over.wait(0.2):
            self.seconds.append(self._node.probe())

    def check(self) -> None:
        """It was answered each time, and what the cases took is given back."""
        self._done.result()
        log = self._node.log.read_text(errors="replace").splitlines()
        failures = [line for line in log if any(failure in line for failure in OUR_FAILURES)]
        assert failures == []
        assert_answered_in_time(self.seconds, self._node.calm)
        try:
            wait_until(self._is_back, "threads, sockets and memory to be back")
        except AssertionError:
            raise AssertionError(f"{self.before} became {self._node.measure()}") from None

    def _is_back(self) -> bool:
        return self._node.measure().is_back_to(self.before)


def converse(peer: Peer, number: int) -> None:
    """Hold one damaged conversation to its end; the node must end it too."""
    chance = case(number)
    content = mutate(chance.choice(conversations()), chance)
    with peer.connect() as connection:
        connection.settimeout(HANGS_AFTER)
        try:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except TimeoutError:
            pytest.fail(f"conversation {number} was neither answered nor cut")
        except OSError:
            pass  # cut


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_damaged_conversation_is_answered_or_cut(node: HostileNode) -> None:
    numbers = [*FOUND_IN_CONVERSATIONS, *range(OF_CONVERSATIONS)]
    honest = Honest(node)
    with honest, ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: converse(node.hostile, number), numbers))
    honest.check()


def damaged(number: int) -> tuple[str, str, bytes]:
    """One damaged object, with what it is sent as."""
    chance = case(number)
    sop_class, uid, content = chance.choice(data_sets())
    return sop_class, uid, mutate(content, chance)


def send(node: HostileNode, number: int) -> int | None:
    """Send one damaged object; gives its status."""
    sop_class, uid, content = damaged(number)
    status = node.hostile.store(sop_class, uid, content)
    assert status is None or status in STATUSES, (number, status)
    return status


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of values that are none
def test_a_damaged_object_is_taken_whole_or_refused_with_a_row(node: HostileNode) -> None:
    numbers = [*FOUND_IN_DATA_SETS, *range(OF_OBJECTS)]
    refusals = "SELECT count(*) FROM pb_refusal"
    before, honest = node.installation.row(refusals), Honest(node)
    with honest, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda number: send(node, number), numbers))
    honest.check()
    assert None not in answers  # the conversation was sound, so each has an answer
    refused = sum(answer != 0x0000 for answer in answers)
    assert node.installation.row(refusals) - before == refused
    assert 0 < refused < len(answers)
    node.wait_for_no_stray_file()
    unreadable = [path for path in archived(node) if not is_readable(path)]
    assert unreadable == []


def question(node: HostileNode, number: int) -> int | None:
    """Ask with one damaged identifier; gives the last status."""
    chance = case(number)
    sop_class, words, identifier = chance.choice(questions())
    return ask(node, sop_class, words, mutate(identifier, chance))


def ask(node: HostileNode, sop_class: str, words: bytes, identifier: bytes) -> int | None:
    stream = p_data(words, is_command=True, last=True)
    with node.hostile.associate(sop_class) as talk:
        return talk.ask_many(stream + p_data(identifier, is_command=False, last=True))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_damaged_question_is_answered(node: HostileNode) -> None:
    numbers, honest = [*FOUND_IN_QUESTIONS, *range(OF_QUESTIONS)], Honest(node)
    with honest, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda number: question(node, number), numbers))
    honest.check()
    assert [n for n, answer in zip(numbers, answers, strict=True) if answer is None] == []
    assert 0 < answers.count(0x0000) < len(answers)


def archived(node: HostileNode) -> list[str]:
    """Every object that was taken or kept as a conflict, as a file."""
    installation = Installation.open(node.home)
    begin, read = installation.begin, installation.read
    while hand_over(begin=begin, read=read, archive=installation.archive):
        pass  # as the jobs do
    for engine in (installation.engine, installation.reading_engine):
        engine.dispose()
    archive = node.home / "archive"
    return [str(p) for p in archive.rglob("*") if p.is_file() and "tmp" not in p.parts]


def is_readable(path: str) -> bool:
    """Whether another program's parser reaches the last element of an object."""
    try:
        ds = pydicom.dcmread(path)
        assert ds.file_meta.TransferSyntaxUID in (EXPLICIT, "1.2.840.10008.1.2")
        _reach_the_end(ds)
    except (ValueError, TypeError, UnicodeError, OverflowError):
        return True  # a value that is none, or of no charset: judged by who reads it
    except (RecursionError, NotImplementedError, EOFError, LookupError, struct.error):
        return False
    return True


def _reach_the_end(ds: Dataset) -> None:
    for element in ds:
        for item in element.value if element.VR == "SQ" else ():
            _reach_the_end(item)
