"""Others' programs ask the node, and take images back from it, over real associations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pynetdicom import AE, build_context, build_role, evt

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import GiveUp, PacsBridgeError, PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.ports import MoveOriginator, Sendable, StoreAnswer
from pacs_bridge.sandbox.association import request_association
from tests.databases import TestDatabase
from tests.dcmtk import attempt, data_set_of, dcmtk, found
from tests.loads import MG
from tests.nodes import EXPLICIT, IMPLICIT
from tests.queries import a_question, events_of, keep, load, query_node

FIRST = "1.2.826.0.1.3680043.10.99.101"
CALLED = "PACSBRIDGE"
AS_HOSPITAL = ("-aet", "HOSPITAL")
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_GET = "1.2.840.10008.5.1.4.1.2.1.3"


@dataclass
class Place:
    """A node over two cases, loaded into the PACS that calls as HOSPITAL."""

    port: int
    database: TestDatabase
    archive: LocalArchive
    passport: Passport

    def data_set(self, uid: str) -> bytes:
        [image] = [i for *_, i in self.passport.instances() if i.sop_instance_uid == uid]
        return data_set_of(self.archive.path(image.content_hash))

    def uids(self, case: int | None = None) -> list[str]:
        return [
            image.sop_instance_uid
            for each, _, _, image in self.passport.instances()
            if case in (None, each.number)
        ]

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event.detail for event in events_of(self.database, kind)]


@pytest.fixture
def place(database: TestDatabase, tmp_path: Path) -> Iterator[Place]:
    archive = LocalArchive(tmp_path / "archive")
    passport = keep(archive)
    load(database, passport)
    with query_node(database, archive) as port:
        yield Place(port, database, archive, passport)


@contextmanager
def receiver(
    database: TestDatabase,
    *,
    refuse: frozenset[str] = frozenset(),
    meanwhile: Callable[[], None] = lambda: None,
    originators: list[tuple[str, int]] | None = None,
) -> Iterator[dict[str, bytes]]:
    """A storage SCP that is registered as a place of the hospital's to store to."""
    taken: dict[str, bytes] = {}

    def on_store(event: Any) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        meanwhile()
        if originators is not None:
            said = event.request
            originators.append(
                (said.MoveOriginatorApplicationEntityTitle, said.MoveOriginatorMessageID)
            )
        if uid in refuse:
            return 0xA700
        taken[uid] = event.encoded_dataset(include_meta=False)
        return 0x0000

    ae = AE("ARCHIVE")
    ae.add_supported_context(MG, [EXPLICIT, IMPLICIT])
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_store)]
    )
    hospital = (
        Endpoint("HOSPITAL", "127.0.0.1", 104, ("query", "calls-from")),
        Endpoint("ARCHIVE", "127.0.0.1", server.server_address[1], ("store",)),
    )
    with database.begin() as uow:
        uow.pacs.put(Pacs("hospital", hospital, plain=True), database.clock())
    try:
        yield taken
    finally:
        server.shutdown()


def test_findscu_finds_at_every_level_of_both_models(place: Place, tmp_path: Path) -> None:
    def ask(level: str, *keys: str, model: str = "-S") -> list[pydicom.Dataset]:
        return found(tmp_path / "found", place.port, level, *keys, model=model, called=CALLED,
                     calling="HOSPITAL")  # fmt: skip

    study, series = f"StudyInstanceUID={FIRST}.1", f"SeriesInstanceUID={FIRST}.2.1"
    patient = "PatientID=PERFORMS121101"
    assert [str(a.PatientID) for a in ask("PATIENT", "PatientID", model="-P")] == [
        "PERFORMS121101", "PERFORMS121102"
    ]  # fmt: skip
    for model, above in (("-S", ()), ("-P", (patient,))):
        [answer] = ask("STUDY", *above, study, "PatientName", "StudyDate=20241231-", model=model)
        assert (str(answer.PatientName), answer.RetrieveAETitle) == ("PERFORMS121^101", CALLED)
        assert len(ask("SERIES", *above, study, "SeriesInstanceUID", model=model)) == 4
        [image] = ask("IMAGE", *above, study, series, "SOPInstanceUID", "Rows", model=model)
        assert (image.SOPInstanceUID, image.Rows) == (f"{FIRST}.3.1", 32)
    assert len(ask("STUDY", "PatientName=performs121^*", "AccessionNumber=*10?")) == 2
    assert ask("STUDY", "AccessionNumber=PERFORMS12110") == []
    assert [a.StudyTime for a in ask("STUDY", study, "StudyTime=0830-0900")] == ["090000"]
    assert ask("STUDY", study, "StudyTime=0901-") == []
    assert {event["status"] for event in place.events("query")} == {"0000"}


def test_findscu_is_told_what_does_not_fit(place: Place) -> None:
    _, said = attempt("findscu", place.port, "-S", *AS_HOSPITAL, "-k", "QueryRetrieveLevel=SERIES",
                      called=CALLED)  # fmt: skip
    assert "DataSetDoesNotMatchSOPClass" in said  # DCMTK's name of A900


def test_findscu_can_cancel(place: Place) -> None:
    said = dcmtk("findscu", place.port, "-S", *AS_HOSPITAL, "--cancel", "1",
                 "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID", called=CALLED)  # fmt: skip
    assert "Success" in said or "Cancel" in said  # two matches may be out before the cancel


def test_movescu_moves_a_study_to_the_registered_place_byte_for_byte(place: Place) -> None:
    with receiver(place.database) as taken:
        said = dcmtk("movescu", place.port, "-S", *AS_HOSPITAL, "-aem", "ARCHIVE",
                     "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={FIRST}.1",
                     called=CALLED)  # fmt: skip
    assert "Success" in said
    assert taken == {uid: place.data_set(uid) for uid in place.uids(101)}
    [event] = place.events("retrieve")
    assert (event["service"], event["status"], event["completed"], event["failed"]) == (
        "move", "0000", 4, 0
    )  # fmt: skip


@contextmanager
def asking(port: int, *models: str, roles: tuple[str, ...] = (), **changes: Any) -> Iterator[Any]:
    """An association of pynetdicom's own AE."""
    ae = AE("HOSPITAL")
    contexts = [build_context(model) for model in models]
    contexts += [build_context(uid, [EXPLICIT]) for uid in roles]
    # Not the library's own way, whose side thread now and then throws an answer away.
    association = request_association(
        ae, "127.0.0.1", port, CALLED, contexts,
        roles=[build_role(uid, scp_role=True) for uid in roles],
        handlers=changes.pop("evt_handlers", ()),
    )  # fmt: skip
    assert not changes
    assert association.is_established
    try:
        yield association
    finally:
        association.release()


def test_a_move_counts_what_failed_and_names_it(place: Place) -> None:
    bad = place.uids(101)[1]
    question = a_question("STUDY", StudyInstanceUID=f"{FIRST}.1")
    with receiver(place.database, refuse=frozenset((bad,))) as taken, asking(place.port, MOVE) as a:
        answers = list(a.send_c_move(question, "ARCHIVE", MOVE))
    assert [s.Status for s, _ in answers] == [0xFF00] * 4 + [0xB000]
    assert [s.NumberOfRemainingSuboperations for s, _ in answers[:-1]] == [4, 3, 2, 1]
    last, failed = answers[-1]
    assert (last.NumberOfCompletedSuboperations, last.NumberOfFailedSuboperations) == (3, 1)
    assert "NumberOfRemainingSuboperations" not in last
    assert failed.FailedSOPInstanceUIDList == bad
    assert len(taken) == 3


def test_what_a_move_sends_names_who_asked_and_in_which_request(place: Place) -> None:
    originators: list[tuple[str, int]] = []
    question = a_question("STUDY", StudyInstanceUID=f"{FIRST}.1")
    with receiver(place.database, originators=originators), asking(place.port, MOVE) as a:
        *_, (last, _) = a.send_c_move(question, "ARCHIVE", MOVE, msg_id=4711)
    assert last.Status == 0x0000
    assert originators == [("HOSPITAL", 4711)] * 4


def test_a_cancelled_move_stops_between_two_images_and_says_how_far_it_came(place: Place) -> None:
    open_now: list[Any] = []

    def cancel() -> None:
        open_now[0].send_c_cancel(7, query_model=MOVE)

    question = a_question("STUDY", StudyInstanceUID=f"{FIRST}.1")
    with receiver(place.database, meanwhile=cancel) as taken, asking(place.port, MOVE) as a:
        open_now.append(a)
        *_, (last, _) = a.send_c_move(question, "ARCHIVE", MOVE, msg_id=7)
        assert last.Status == 0xFE00
        # One image, or two where the library's sender was slow to put the cancel on the wire.
        assert last.NumberOfCompletedSuboperations == len(taken) < 4
        assert last.NumberOfRemainingSuboperations == 4 - len(taken)
        [(done, _)] = a.send_c_move(a_question("STUDY", StudyInstanceUID="1.2.3"), "ARCHIVE", MOVE)
        assert done.Status == 0x0000  # the association goes on


def test_a_move_of_which_nothing_arrives_has_failed(place: Place) -> None:
    with receiver(place.database):
        pass  # registered, and down
    question = a_question("SERIES", StudyInstanceUID=f"{FIRST}.1", SeriesInstanceUID=f"{FIRST}.2.2")
    with asking(place.port, MOVE) as association:
        *_, (last, failed) = association.send_c_move(question, "ARCHIVE", MOVE)
    assert (last.Status, last.NumberOfFailedSuboperations) == (0xA702, 1)
    assert failed.FailedSOPInstanceUIDList == f"{FIRST}.3.2"


@dataclass
class Breaking:
    """Our side towards a PACS, which breaks off after one image."""

    error: PacsBridgeError
    to: list[Pacs] = field(default_factory=list)

    def store(
        self, pacs: Pacs, objects: Iterable[Sendable], *, originator: MoveOriginator | None = None
    ) -> Iterator[StoreAnswer]:
        self.to.append(pacs)
        yield StoreAnswer(next(iter(objects)).sop_instance_uid, 0xB000)
        raise self.error


def test_a_move_that_breaks_off_still_counts_what_arrived(place: Place) -> None:
    question = a_question("STUDY", StudyInstanceUID=f"{FIRST}.1")
    with receiver(place.database):
        pass
    for error in (PeerUnavailable("hospital", "data", "cut"), GiveUp("a disk that fails.")):
        peer: Any = Breaking(error)
        with (
            query_node(place.database, place.archive, peer) as port,
            asking(port, MOVE) as association,
        ):
            *_, (last, failed) = association.send_c_move(question, "ARCHIVE", MOVE)
        assert (last.Status, last.NumberOfWarningSuboperations) == (0xB000, 1)
        assert list(failed.FailedSOPInstanceUIDList) == place.uids(101)[1:]
        assert [each.endpoint("store").ae_title for each in peer.to] == ["ARCHIVE"]


def test_nothing_moves_to_where_the_wire_alone_or_another_pacs_names(place: Place) -> None:
    with receiver(place.database) as taken:
        with place.database.begin() as uow:
            hospital = uow.pacs.get("hospital")
            archive = replace(hospital.endpoint("store"), ae_title="OTHERS")
            uow.pacs.put(Pacs("other", (archive,), plain=True), place.database.clock())
        question = a_question("STUDY", StudyInstanceUID=f"{FIRST}.1")
        with asking(place.port, MOVE) as association:
            for destination in ("OTHERS", "HOSPITAL", "NOBODY", "archive"):
                [(status, _)] = association.send_c_move(question, destination, MOVE)
                assert status.Status == 0xA801, destination
    assert taken == {}
    assert {event["status"] for event in place.events("retrieve")} == {"A801"}


def test_getscu_gets_a_study_byte_for_byte(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "got"
    folder.mkdir()
    said = dcmtk("getscu", place.port, "-S", *AS_HOSPITAL, "-od", str(folder),
                 "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={FIRST}.1",
                 called=CALLED)  # fmt: skip
    assert "Success" in said
    got = {str(pydicom.dcmread(path).SOPInstanceUID): data_set_of(path)
           for path in folder.iterdir()}  # fmt: skip
    assert got == {uid: place.data_set(uid) for uid in place.uids(101)}


def test_a_get_is_answered_on_the_same_association_and_counted(place: Place) -> None:
    taken: list[str] = []

    def on_store(event: Any) -> int:
        taken.append(str(event.request.AffectedSOPInstanceUID))
        return 0xC000 if len(taken) == 3 else 0xB000 if len(taken) == 4 else 0x0000

    wanted = place.uids()
    question = a_question(
        "IMAGE", StudyInstanceUID=f"{FIRST}.1", SeriesInstanceUID=f"{FIRST}.2.1",
        SOPInstanceUID=[*wanted, "1.2.3.4"],
    )  # fmt: skip
    handlers = [(evt.EVT_C_STORE, on_store)]
    with asking(place.port, GET, PATIENT_GET, roles=(MG,), evt_handlers=handlers) as association:
        [*_, (last, _)] = association.send_c_get(question, GET)
        assert (last.Status, last.NumberOfCompletedSuboperations) == (0x0000, 1)
        assert taken == wanted[:1]
        patient = a_question("PATIENT", PatientID="PERFORMS121102")
        answers = list(association.send_c_get(patient, PATIENT_GET))
    last, failed = answers[-1]
    assert (
        last.Status, last.NumberOfCompletedSuboperations,
        last.NumberOfFailedSuboperations, last.NumberOfWarningSuboperations,
    ) == (0xB000, 2, 1, 1)  # fmt: skip
    assert failed.FailedSOPInstanceUIDList == taken[2]
    assert len(answers) == 5


def test_a_get_without_a_place_for_the_images_fails_by_name(place: Place) -> None:
    question = a_question("STUDY", StudyInstanceUID=f"{FIRST}.1")
    with asking(place.port, GET) as association:
        *_, (last, failed) = association.send_c_get(question, GET)
    assert (last.Status, last.NumberOfFailedSuboperations) == (0xA702, 4)
    assert list(failed.FailedSOPInstanceUIDList) == place.uids(101)


def test_an_image_that_left_the_archive_is_a_failed_one(place: Place) -> None:
    [first, *others] = [image for _, _, _, image in place.passport.instances()][:4]
    place.archive.path(first.content_hash).unlink()
    question = a_question("STUDY", StudyInstanceUID=f"{FIRST}.1")
    with receiver(place.database) as taken, asking(place.port, MOVE) as association:
        *_, (last, failed) = association.send_c_move(question, "ARCHIVE", MOVE)
    assert (last.Status, failed.FailedSOPInstanceUIDList) == (0xB000, first.sop_instance_uid)
    assert list(taken) == [image.sop_instance_uid for image in others]


def test_what_was_not_loaded_into_the_pacs_is_not_given_back(place: Place) -> None:
    copy = replace(place.passport, copy=3, cases=keep(place.archive, 103).cases)
    with place.database.begin() as uow:
        uow.case_sets.add(copy)
    study = copy.cases[0].studies[0].study_instance_uid
    with receiver(place.database) as taken, asking(place.port, MOVE) as association:
        answers = list(association.send_c_move(
            a_question("STUDY", StudyInstanceUID=study), "ARCHIVE", MOVE))  # fmt: skip
    assert [s.Status for s, _ in answers] == [0x0000]
    assert taken == {}


def test_a_peer_that_hangs_up_in_the_middle_leaves_its_event(place: Place) -> None:
    def hang_up(event: Any) -> int:
        event.assoc.abort()
        event.assoc.dimse_timeout = 0.1  # the library waits for what it has hung up on
        return 0x0000

    handlers = [(evt.EVT_C_STORE, hang_up)]
    with asking(place.port, GET, roles=(MG,), evt_handlers=handlers) as association:
        list(association.send_c_get(a_question("STUDY", StudyInstanceUID=f"{FIRST}.1"), GET))
    [event] = place.events("retrieve")
    assert event["completed"] == 0
