"""Every quirk of the sandbox PACS: the right answers, a sentence, and no false ready."""

from __future__ import annotations

import re

import pytest

from pacs_bridge.sandbox.pacs_quirks import SWITCHES, Stall
from tests.zoo import Seen, run
from tests.zoo_table import PROMISES, SAME, TOGETHER, Promise

_BUTTON = re.compile(r"[Pp]ress (Check again|Start again|Accept the names)\b")
"""On the load's page: what comes after what a contact does."""


def name_of(promise: Promise) -> str:
    return (
        promise.quirk + ("-later" if promise.then else "") + ("-routed" if promise.routed else "")
    )


@pytest.fixture(autouse=True)
def _short_stall(monkeypatch):
    monkeypatch.setattr(Stall, "seconds", 3.5)


def load(folder, store, promise: Promise) -> Seen:
    quirks = promise.quirks
    return run(
        folder / "load",
        store,
        () if promise.then else quirks,
        cases=promise.cases,
        kind=promise.kind,
        then=quirks if promise.then else None,
        routed=promise.routed,
        patience=promise.patience,
    )


def answers(seen: Seen) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    return seen.complete, seen.findable, seen.near


@pytest.mark.parametrize("promise", [*PROMISES, *TOGETHER], ids=name_of)
def test_a_load_into_a_pacs_with_a_quirk_comes_to_the_right_end(tmp_path, zoo_store, promise):
    seen = load(tmp_path, zoo_store, promise)
    assert (seen.readiness == "ready") is promise.ready, seen
    for wanted, answered in zip(
        (promise.complete, promise.findable, promise.near), answers(seen), strict=True
    ):
        assert not wanted or answered == {wanted}, seen
    assert not promise.ready or seen.is_fine, seen
    assert promise.ready or seen.sentences, seen
    assert all(_BUTTON.search(sentence) for sentence in seen.sentences), seen
    said = " ".join((*seen.sentences, seen.note)).casefold()
    for words in promise.says:
        assert words.casefold() in said, seen


def test_every_quirk_has_a_promise():
    told = {promise.name for promise in PROMISES}
    assert told | SAME == set(SWITCHES)


def test_a_set_in_a_pacs_without_quirks_is_ready_and_fine(tmp_path, zoo_store):
    seen = run(tmp_path / "load", zoo_store, ())
    assert (seen.readiness, seen.sentences, seen.note, seen.is_fine) == ("ready", (), "", True)
