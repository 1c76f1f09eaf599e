"""A paused PACS: nothing is taken from it until a person resumes it."""

import pytest

from pacs_bridge.domain.errors import NotFound
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.services.pacs import set_paused


def paused(database):
    with database.begin() as uow:
        return uow.pacs.get("hospital").paused


@pytest.fixture
def hospital(database):
    with database.begin() as uow:
        uow.pacs.put(Pacs("hospital", (Endpoint("H", "127.0.0.1", 104, ()),)), database.clock())
    return database


def test_a_pacs_is_paused_and_resumed_by_name_with_an_event_each(hospital):
    for state in (True, True, False):
        set_paused("hospital", paused=state, begin=hospital.begin, now=hospital.clock)
        assert paused(hospital) is state
    with hospital.begin() as uow:
        assert [event.kind for event in uow.events.newest()] == ["pacs-resumed", "pacs-paused"]


def test_an_unknown_pacs_cannot_be_paused(hospital):
    with pytest.raises(NotFound):
        set_paused("nowhere", paused=True, begin=hospital.begin, now=hospital.clock)
