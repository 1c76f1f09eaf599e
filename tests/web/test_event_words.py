"""What staff read of a reading that changed under them, one line each."""

from __future__ import annotations

import pytest

from pacs_bridge.db.repositories.watch import Event
from pacs_bridge.domain import questions
from pacs_bridge.web.event_words import tell
from pacs_bridge.web.words import agree_to
from tests.builders import NOON

READING, UID = "PERFORMS121101-R001", "2.25." + "9" * 39


@pytest.mark.parametrize(
    ("kind", "subject", "detail", "said"),
    [
        ("reading-emptied", READING, {"revision": 2}, "stands until they answer."),
        ("reading-unfinished", READING, {"asked": 2}, "is parked and not scored."),
        ("reading-unfinished", READING, {"emptied": 2}, "decide with its reader what counts."),
        ("object-of-several", UID, {"others": 2}, "2 other persons said in it"),
        ("object-rejected", UID, {"reader": "R001", "late": False}, "R001 is asked about it."),
        ("object-rejected", UID, {"reader": "R001", "late": True}, "rejected at its PACS."),
        ("object-rejected", UID, {"reader": ""}, "rejected at its PACS."),
        ("object-read-again", UID, {}, "more of it can be read by now."),
        ("exposure-lifted", READING, {"by": 7}, "by account 7; it counts again."),
        ("exposure-lifted", READING, {"by": ""}, "by the command line; it counts again."),
        ("turn-named", "R003", {"set": "PERFORMS121", "pacs": "royal"}, "PERFORMS121 at royal."),
        ("marks-copied", UID, {"reader": "R002", "others": ["R001"]}, "R001 saved first;"),
    ],
)  # fmt: skip
def test_each_event_is_a_whole_sentence(
    kind: str, subject: str, detail: dict[str, object], said: str
) -> None:
    line = tell(Event(NOON, kind, subject, detail))
    assert said in line
    assert line.endswith(".")


@pytest.mark.parametrize(
    ("flag", "label"),
    [
        (questions.NEWLY_READ, "Yes, it is a mark"),
        (questions.NO_LONGER_READ, "Yes, it is a mark"),
        (questions.ANOTHERS, "Yes, I drew it"),
        (questions.SEVERAL_RATINGS, "It counts as mass, 4"),
    ],
)
def test_what_is_agreed_to_is_said_on_the_button(flag: str, label: str) -> None:
    assert agree_to(questions.ASKS[flag], "R CC, mass, 4") == label


def test_to_a_rejected_mark_one_agrees_that_it_is_meant() -> None:
    assert agree_to(questions.REJECTED, "R CC, 4") == "Yes, I mean it"
    assert agree_to(questions.MOVED, "R CC, 4") == "Yes, both are meant"
    assert agree_to(questions.UNREAD, "") == "No, nothing is missing"


def test_nobody_is_offered_to_agree_to_what_is_to_be_done() -> None:
    for flag in ("ambiguous-image", "unknown-image", "decision-conflict", "side-not-said"):
        assert agree_to(questions.ASKS[flag], "R CC, mass, 4") == ""
