"""Killed at any step: a report is forwarded once, and truth is on no PACS without its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_bridge.domain.reports import ReportState
from pacs_bridge.scoring.server import serve
from pacs_bridge.services.render_image import PictureRequest, render_frame
from tests.case_set_builders import Desk
from tests.case_set_builders import desk as desk
from tests.dying_feedback import ASKING, FORWARDING, SENDING, Deaths
from tests.integration.test_feedback import RCC, archived
from tests.integration.test_feedback import ended as ended
from tests.integration.test_feedback_on_pacs import NAME, APeer, Hall
from tests.integration.test_reports_to_scorer import MARKS, Bureau, scoring


@pytest.fixture
def deaths() -> Iterator[Deaths]:
    deaths = Deaths()
    yield deaths
    deaths.close()


def test_a_forward_killed_at_any_step_loses_and_doubles_no_report(
    desk: Desk, tmp_path: Path, deaths: Deaths
) -> None:
    with serve(scoring(tmp_path)) as server:
        bureau = Bureau(desk, server, tmp_path / "scorer.sqlite")
        words = {
            "database": f"sqlite:///{tmp_path / 'test.sqlite'}",
            "archive": tmp_path / "archive",
            "scorer": server.url,
        }
        for revision, step in enumerate(FORWARDING, 1):
            mark = MARKS[0].__class__(RCC, None, "POINT", ((revision, 2.0),), (revision, 2.0))
            number = bureau.close(mark, revision=revision)
            assert deaths.do("forward", number, step, **words) == -signal.SIGKILL, step
            assert deaths.do("forward", number, **words) == 0
        assert deaths.do("forward", number, **words) == 0  # and no more to do
        kept = [bureau.reports(revision) for revision in range(1, len(FORWARDING) + 1)]
        assert [[each.state for each in reports] for reports in kept] == [
            [ReportState.DELIVERED]
        ] * len(FORWARDING)
        assert sorted(map(len, bureau.at_the_scorer())) == sorted(
            len(bureau.keeper.content(report)) for [report] in kept
        )
        assert bureau.events().count("report-kept") == len(FORWARDING)
        assert bureau.events().count("report-delivered") == len(FORWARDING)
        bureau.scorer.close()


def test_feedback_killed_at_any_step_is_never_without_its_end_and_goes_out_once(
    ended: Desk, tmp_path: Path, deaths: Deaths
) -> None:
    hall = Hall(ended, APeer())
    pacs, picture = tmp_path / "pacs", tmp_path / "picture.png"
    pacs.mkdir()
    picture.write_bytes(render_frame(PictureRequest(archived(ended, RCC), 1)))
    words = {
        "database": f"sqlite:///{tmp_path / 'test.sqlite'}",
        "archive": tmp_path / "archive",
        "pacs": pacs,
        "picture": picture,
    }
    for step in ASKING:
        assert deaths.do("ask", 0, step, **words) == -signal.SIGKILL, step
        with hall.begin() as uow:
            asked = uow.feedback.of_set(NAME)
        assert [each.withdrawal.due_at > each.asked_at for each in asked] == [True] * len(asked)
        assert len(asked) == (step == "feedback kept")
    assert not list(pacs.iterdir())
    for step in SENDING:
        assert deaths.do("send", 1, step, **words) == -signal.SIGKILL, step
    assert deaths.do("send", 1, **words) == 0
    with hall.begin() as uow:
        objects, feedback = uow.feedback.objects(1), uow.feedback.get(1)
    assert feedback.found_at is not None
    sent = sorted(path.name.split("_")[0] for path in pacs.iterdir())
    assert sent == sorted(each.sop_instance_uid for each in objects)  # each once
    assert sent
