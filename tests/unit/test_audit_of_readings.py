"""What is done about marks, whose they are and truth shown is in the audit trail; words are not."""

from __future__ import annotations

import pytest

from pacs_bridge.domain.audit import AuditEvent, Outcome, audit_xml
from pacs_bridge.domain.audit_events import of_event
from pacs_bridge.domain.audit_readings import READING_EVENTS
from tests.audit_schema import check_message
from tests.builders import NOON

DETAIL = {
    "set": "PERFORMS121", "reader": "R001", "revision": 2, "by": 7, "objects": 3,
    "cases": [f"PERFORMS121{number}" for number in range(101, 141)],
    "reason": "Dr Doe said so", "why": "by Dr Doe", "logins": "jdoe", "shared": ["jdoe"],
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(READING_EVENTS))
def test_each_kind_is_a_message_of_the_schema_without_log_ins_and_typed_words(kind: str) -> None:
    fact = of_event(NOON, kind, "PERFORMS121 hospital", DETAIL)
    assert fact is not None
    message = audit_xml(fact.message("PACSBRIDGE"))
    check_message(message)
    assert "doe" not in str(message).lower()
    assert "set PERFORMS121" in fact.said
    assert "and 32 more" in fact.said


def test_truth_that_went_to_a_pacs_names_the_pacs_and_who_asked() -> None:
    asked = of_event(NOON, "feedback-asked", "PERFORMS121 hospital", DETAIL)
    sent = of_event(NOON, "feedback-sent", "PERFORMS121 hospital", DETAIL)
    assert asked is not None
    assert sent is not None
    assert (asked.event, sent.event) == (AuditEvent.BEGIN_TRANSFER, AuditEvent.TRANSFERRED)
    assert asked.pacs == sent.pacs == "hospital"
    assert "account 7" in {each.user_id for each in asked.participants}


def test_an_exposed_reading_is_a_serious_failure() -> None:
    fact = of_event(NOON, "reading-exposed", "PERFORMS121101-R001", DETAIL)
    assert fact is not None
    assert fact.outcome is Outcome.SERIOUS_FAILURE
