"""A closed reading goes to the scorer as JSON and as a report, and the two say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pydicom
import pytest
from flask import Response

from pacs_bridge.domain.errors import ScorerRefused, ScorerUnavailable
from pacs_bridge.domain.marks import BreastDecision, Code, Mark
from pacs_bridge.domain.reading import Reading, hash_payload
from pacs_bridge.domain.reports import KeptReport, ReportState
from pacs_bridge.scoring.client import HttpScorer
from pacs_bridge.scoring.server import ScorerConfig, ScoringServer, create_app, serve
from pacs_bridge.scoring.server.store import Store
from pacs_bridge.services.forward import deliver_truth, forward_reading
from pacs_bridge.services.reports import Keeper
from pacs_bridge.services.truth import import_truth
from pacs_bridge.sr.read import read_object
from tests.builders import NOON
from tests.case_set_builders import KEY_UID, SET, Desk, uid_of
from tests.case_set_builders import desk as desk
from tests.integration.test_feedback import TRUTH
from tests.integration.test_sr_judges import errors_of_dciodvfy, said_by
from tests.mammograms import ROOT, a_folder
from tests.peers import need

SECRET = b"a secret of the tests, long enough"
UID = "PERFORMS121101-R001"
BREASTS = (BreastDecision("R", "RECALL", 4), BreastDecision("L", "RTS"))
RCC, LCC = (uid_of(f"{ROOT}.2.{image}.1") for image in (1, 2))
MARKS = (
    Mark(RCC, None, "POINT", ((20.5, 30.5),), (20.5, 30.5), Code("X", "TYPED", "by Dr Doe"), 4,
         "jsmith of HOSPITAL", "R", "CC"),
    Mark(LCC, None, "CIRCLE", ((9, 9), (12, 9)), (9, 9), None, 3, "", "L", "CC"),
)  # fmt: skip


class Bureau:
    """An installation with a closed round's cases, and the scorer that it forwards to."""

    def __init__(self, desk: Desk, server: ScoringServer, store: Path) -> None:
        self.desk, self.begin, self.now = desk, desk.database.begin, desk.database.clock
        self.scorer = HttpScorer(server.url, SECRET, timeout=180)
        self.store = store
        self.keeper = Keeper(self.begin, desk.archive, self.now, KEY_UID)
        a_folder(desk.folder, 2, rows=240, columns=200)
        desk.take()
        import_truth(TRUTH, SET, begin=self.begin, key_uid=KEY_UID, now=self.now)
        deliver_truth(str(SET), 1, begin=self.begin, scorer=self.scorer, now=self.now)

    def close(self, *marks: Mark, revision: int = 1) -> int:
        """Close a revision of the reading; gives its place in the outbox."""
        reading = Reading(
            UID, revision, str(SET), "PERFORMS121101", "R001", marks, BREASTS, ("1.2.3.1",),
            NOON + timedelta(minutes=revision),
        )  # fmt: skip
        with self.begin() as uow:
            if not uow.readers.exists("R001"):
                uow.readers.add("R001", NOON)
            uow.readings.touch(
                reading_uid=UID, set_name=str(SET), reader="R001", accession="PERFORMS121101",
                kind="test", pacs="", now=NOON,
            )  # fmt: skip
            uow.readings.close(reading, "closed", NOON)
            return uow.outbox.add(reading, reading.content_hash(), NOON)

    def forward(self, outbox_id: int, scorer: Any = None) -> str:
        """Do what the job does."""
        return forward_reading(
            outbox_id, begin=self.begin, scorer=scorer or self.scorer, now=self.now,
            archive=self.desk.archive, keep=self.keeper.keep,
        )  # fmt: skip

    def reports(self, revision: int = 1) -> list[KeptReport]:
        """What is kept of a revision."""
        with self.begin() as uow:
            return uow.reports.of(UID, revision)

    def at_the_scorer(self) -> list[bytes]:
        """The reports that the scorer has."""
        store = Store(self.store)
        try:
            return [each.body for each in store.reports(UID)]
        finally:
            store.close()

    def events(self) -> list[str]:
        """Kinds of what happened to reports, oldest first."""
        with self.begin() as uow:
            told = reversed(uow.events.newest(limit=100))
            return [event.kind for event in told if event.kind.startswith("report-")]


def scoring(tmp_path: Path) -> Any:
    (tmp_path / "secret").write_bytes(SECRET)
    return create_app(ScorerConfig(tmp_path / "scorer.sqlite", tmp_path / "secret"))


@pytest.fixture
def bureau(desk: Desk, tmp_path: Path) -> Iterator[Bureau]:
    with serve(scoring(tmp_path)) as server:
        bureau = Bureau(desk, server, tmp_path / "scorer.sqlite")
        yield bureau
        bureau.scorer.close()


def test_the_scorer_gets_the_report_that_the_signed_reading_names_and_judges_pass_it(
    bureau: Bureau, tmp_path: Path
) -> None:
    number = bureau.close(*MARKS)
    assert bureau.forward(number) == "settled"
    [kept] = bureau.reports()
    [content] = bureau.at_the_scorer()
    assert kept.state is ReportState.DELIVERED
    assert (kept.marks, kept.content_hash) == (2, bureau.desk.archive.put(content))
    with bureau.begin() as uow:
        item = uow.outbox.get(number)
    assert item.payload["reports"] == [kept.digest()]
    assert item.content_hash == hash_payload(item.payload)
    assert item.receipt is not None
    assert item.receipt["content_hash"] == item.content_hash
    assert item.receipt["reports"] == item.receipt["wanted"] == [kept.content_hash]

    (tmp_path / "sent.dcm").write_bytes(content)
    report = pydicom.dcmread(tmp_path / "sent.dcm")
    assert [m.image for m in read_object(report).marks] == [RCC, LCC]
    for word in (b"Doe", b"jsmith", b"HOSPITAL"):  # name, log-in, AE title
        assert word not in content
    assert errors_of_dciodvfy(tmp_path / "sent.dcm") == []
    code, said = said_by(need("dsrdump", "dcmtk"), tmp_path / "sent.dcm")
    assert (code, said.count("SCOORD:")) == (0, 2)

    assert bureau.forward(number) == "settled"
    assert bureau.at_the_scorer() == [content]
    assert bureau.events() == ["report-kept", "report-delivered"]


def test_two_who_forward_a_reading_at_once_keep_one_report(bureau: Bureau) -> None:
    number, both = bureau.close(*MARKS), Barrier(2)

    class Meeting:
        """An archive in which the two meet, each with its report."""

        def put(self, *parts: bytes) -> str:
            both.wait(timeout=120)
            return bureau.desk.archive.put(*parts)

        def __getattr__(self, name: str) -> Any:
            return getattr(bureau.desk.archive, name)

    keeper = replace(bureau.keeper, archive=Meeting())
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(keeper.keep, number) for _ in range(2)]:
            done.result()
    assert len(bureau.reports()) == 1
    assert bureau.events() == ["report-kept"]


def test_a_mended_reading_is_a_new_report_that_names_the_one_before(bureau: Bureau) -> None:
    first = bureau.close(*MARKS)
    second = bureau.close(*MARKS[:1], revision=2)
    assert bureau.forward(second) == "settled"  # the later one may well go first
    assert bureau.forward(first) == "settled"
    [one], [two] = bureau.reports(1), bureau.reports(2)
    with bureau.desk.archive.open(two.content_hash) as file:
        assert read_object(pydicom.dcmread(file)).predecessors == (one.sop_instance_uid,)
    assert len(bureau.at_the_scorer()) == 2
    assert {one.state, two.state} == {ReportState.DELIVERED}


def test_a_scorer_that_takes_only_json_gets_just_that_and_later_the_report(
    desk: Desk, tmp_path: Path
) -> None:
    app = scoring(tmp_path)
    old = True

    def forget(response: Response) -> Response:
        if old and response.is_json:
            body = {k: v for k, v in response.get_json().items() if k != "reports"}
            response.set_data(json.dumps(body))
        return response

    app.after_request(forget)
    with serve(app) as server:
        bureau = Bureau(desk, server, tmp_path / "scorer.sqlite")
        number = bureau.close(*MARKS)
        assert bureau.forward(number) == "settled"
        assert [each.state for each in bureau.reports()] == [ReportState.UNTAKEN]
        assert bureau.at_the_scorer() == []
        old = False
        assert bureau.forward(number) == "settled"
        assert [each.state for each in bureau.reports()] == [ReportState.DELIVERED]
        bureau.scorer.close()


def test_a_report_holds_no_reading_up_and_follows_when_the_scorer_takes_it(bureau: Bureau) -> None:
    class Deaf:
        """A scorer whose door for reports is shut."""

        put_report = staticmethod(lambda *_: (_ for _ in ()).throw(ScorerUnavailable("later")))

        def __getattr__(self, name: str) -> Any:
            return getattr(bureau.scorer, name)

    number = bureau.close(*MARKS)
    with pytest.raises(ScorerUnavailable):
        bureau.forward(number, Deaf())
    with bureau.begin() as uow:
        state = uow.readings.find(UID)
    assert state is not None
    assert state.state == "scored"
    assert bureau.forward(number) == "settled"
    assert [each.state for each in bureau.reports()] == [ReportState.DELIVERED]


def test_a_reading_of_which_no_report_can_be_written_goes_without_and_it_is_told(
    bureau: Bureau,
) -> None:
    outside = replace(MARKS[0], points=((9999.0, 4.5),), centre=(9999.0, 4.5))
    assert bureau.forward(bureau.close(outside)) == "settled"
    [kept] = bureau.reports()
    assert kept.state is ReportState.UNWRITTEN
    assert "outside" in kept.reason
    assert bureau.events() == ["report-unwritten"]


def test_the_scorer_refuses_a_report_that_says_something_else(bureau: Bureau) -> None:
    number = bureau.close(*MARKS)
    bureau.keeper.keep(number)
    [kept] = bureau.reports()
    content = bureau.keeper.content(kept)
    with bureau.begin() as uow:
        payload: dict[str, Any] = dict(uow.outbox.get(number).payload)
    digest, marks = kept.digest(), payload["marks"]
    padded = content + b"\0\0"
    other = {**digest, "sha256": bureau.desk.archive.put(padded)}
    for revision, said, named, sent, why in (
        (1, marks[:1], {**digest, "marks": 1}, content, "holds 2 marks"),
        (2, marks, digest, content, "another reading or revision"),
        (3, marks, {**digest, "marks": 1}, content, "not as many marks"),
        (4, marks, other, content, "does not name"),
        (5, marks, {**digest, "sop_instance_uid": "1.2"}, content, "another reading"),
    ):
        bureau.scorer.post_reading(
            {**payload, "revision": revision, "marks": said, "reports": [named]}
        )
        with pytest.raises(ScorerRefused, match=why):
            bureau.scorer.put_report(UID, revision, sent)
    with pytest.raises(ScorerRefused, match="send the reading first"):
        bureau.scorer.put_report(UID, 6, content)
    assert bureau.at_the_scorer() == []
