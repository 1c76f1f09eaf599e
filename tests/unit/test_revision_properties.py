"""However a viewer saves: the reading is the reader's last screen, or something is asked."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_bridge.domain import folding
from pacs_bridge.domain.folding import Folded, fold
from pacs_bridge.domain.marks import Mark, ReadObject
from pacs_bridge.domain.receipts import MarkState
from pacs_bridge.domain.revision import Drawing, Save
from tests.builders import NOON, a_mark, a_read_object, both_decided

RUNS = settings(
    deadline=None, derandomize=True, max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
IMAGES = ("1.2.101.4.1", "1.2.101.4.2")
CELLS = 16
WHOLE, DELTA, IMAGE = "whole", "delta", "one state an image"
AUTOSAVE, TWICE = "autosave without graphics", "save twice on close"
STYLES = (WHOLE, DELTA, IMAGE, AUTOSAVE, TWICE)
TRACKING = ("none", "kept", "new at each save")


@dataclass(frozen=True)
class Drawn:
    """One mark on the screen: which, where, and how suspicious."""

    number: int
    image: int
    cell: int
    rating: int


@dataclass(frozen=True)
class Edit:
    """One thing a reader does."""

    what: str
    which: int
    cell: int
    rating: int


@dataclass
class Viewer:
    """A viewer that saves in one style, over a screen that its reader edits."""

    style: str
    tracking: str
    learned: bool
    screen: list[Drawn] = field(default_factory=list)
    saves: list[Save] = field(default_factory=list)
    shown: list[Drawn] = field(default_factory=list)
    made: int = 0

    def edit(self, edit: Edit) -> None:
        """Do one thing; where that cannot be done, nothing."""
        image = edit.which % 2
        free = all((each.image, each.cell) != (image, edit.cell) for each in self.screen)
        if edit.what == "add" and free:
            self.made += 1
            self.screen.append(Drawn(self.made, image, edit.cell, edit.rating))
        elif self.screen and edit.what != "add":
            place = edit.which % len(self.screen)
            old = self.screen[place]
            free = all((each.image, each.cell) != (old.image, edit.cell) for each in self.screen)
            if edit.what == "rate":
                self.screen[place] = replace(old, rating=edit.rating)
            elif edit.what == "move" and free and self.style != DELTA:
                self.screen[place] = replace(old, cell=edit.cell)
            elif edit.what == "delete" and self.style != DELTA:
                del self.screen[place]

    def save(self) -> None:
        """Save as the style does it."""
        changed = [each for each in self.screen if each not in self.shown]
        touched = {each.image for each in {*self.screen, *self.shown} - {*self.screen} | {*changed}}
        if self.style == DELTA:
            self._write(changed, (0, 1))
        elif self.style == IMAGE:
            for image in sorted(touched | ({0} if not self.saves else set())):
                self._write([each for each in self.screen if each.image == image], (image,))
        else:
            self._write(self.screen, (0, 1))
        if self.style == TWICE:
            self._write(self.screen, (0, 1))
        if self.style == AUTOSAVE:
            self._write([], (0, 1), breasts=())
        self.shown = list(self.screen)

    def _write(self, drawn: list[Drawn], images: tuple[int, ...], breasts=None) -> None:
        number = len(self.saves) + 1
        uid = f"1.2.3.{number}"
        read = a_read_object(
            uid,
            marks=tuple(self._mark(each, number) for each in drawn),
            breasts=both_decided() if breasts is None else breasts,
            referenced_images=tuple(IMAGES[image] for image in images),
            observed_at=datetime(2026, 11, 22, 9, 0) + timedelta(minutes=number),  # noqa: DTZ001
        )
        self.saves.append(a_save(read, number, whole=self.learned and self.style != DELTA))

    def _mark(self, drawn: Drawn, number: int) -> Mark:
        x, y = 40.0 * (drawn.cell % 4) + 20, 40.0 * (drawn.cell // 4) + 20
        uid = {"kept": f"1.9.{drawn.number}", "new at each save": f"1.9.{drawn.number}.{number}"}
        return a_mark(
            image=IMAGES[drawn.image], points=((x, y),), centre=(x, y), rating=drawn.rating,
            tracking_uid=uid.get(self.tracking),
        )  # fmt: skip


def a_save(read: ReadObject, number: int, **changes) -> Save:
    """A save that arrived as number so and so."""
    values = {
        "key": read.sop_instance_uid, "read": read, "arrival": number,
        "received_at": NOON + timedelta(minutes=number), "workstation": "hospital WS1",
    }  # fmt: skip
    return Save(**(values | changes))


def said(folded: Folded) -> set[tuple[str, float, float, int | None]]:
    return {(m.image, *m.centre, m.rating) for m in folded.counted}


def last_screen(viewer: Viewer) -> set[tuple[str, float, float, int | None]]:
    marks = [viewer._mark(each, 0) for each in viewer.screen]
    return {(m.image, *m.centre, m.rating) for m in marks}


edits = st.lists(
    st.builds(
        Edit,
        st.sampled_from(("add", "add", "move", "delete", "rate", "save")),
        st.integers(0, 7),
        st.integers(0, CELLS - 1),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=14,
)


def read_and_saved(style: str, tracking: str, actions: list[Edit], *, learned: bool) -> Viewer:
    viewer = Viewer(style, tracking, learned)
    for action in actions:
        viewer.save() if action.what == "save" else viewer.edit(action)
    viewer.save()
    return viewer


def check_last_screen(style: str, tracking: str, actions: list[Edit], seed: int) -> None:
    viewer = read_and_saved(style, tracking, actions, learned=True)
    arrived = [replace(save, arrival=n) for n, save in enumerate(shuffled(viewer.saves, seed), 1)]
    folded = fold([save for save in arrived if save.holds_anything()])
    assert folded.asked or said(folded) == last_screen(viewer)


def shuffled(saves: list[Save], seed: int) -> list[Save]:
    """As they may arrive over a network; 0 leaves them as they were made."""
    order = list(saves)
    if seed:
        random.Random(seed).shuffle(order)
    return order


@pytest.mark.parametrize("style", STYLES)
@RUNS
@given(st.sampled_from(TRACKING), edits, st.integers(0, 3))
def test_the_reading_is_the_last_screen_or_holds_a_question(style, tracking, actions, seed):
    check_last_screen(style, tracking, actions, seed)


@pytest.mark.parametrize("style", STYLES)
@RUNS
@given(st.sampled_from(TRACKING), edits)
def test_no_mark_that_was_ever_saved_is_missing_in_silence(style, tracking, actions):
    for learned in (True, False):
        viewer = read_and_saved(style, tracking, actions, learned=learned)
        folded = fold([save for save in viewer.saves if save.holds_anything()])
        shown = {(each.mark.image, *each.mark.centre) for each in folded.marks}
        assert {(image, x, y) for image, x, y, _ in last_screen(viewer)} <= shown
        assert all(each.counts or each.state is MarkState.ASKED for each in folded.marks)
        assert folded.asked or {each[:3] for each in said(folded)} >= {
            each[:3] for each in last_screen(viewer)
        }
        if tracking == "none":
            saved = {(m.image, *m.centre) for save in viewer.saves for m in save.read.marks}
            assert saved == shown


def test_a_mark_that_is_dropped_in_silence_goes_red(monkeypatch):
    """The property finds a rule that takes the newest save for all there is."""

    def newest_only(ordered):
        marks = [save for save in ordered if save.holds_marks()][-1:]
        return [
            Drawing([(save, mark)], key=str(number))
            for save in marks
            for number, mark in enumerate(save.read.marks)
        ]

    monkeypatch.setattr(folding, "unite", newest_only)
    actions = [Edit("add", 0, 1, 3), Edit("save", 0, 0, 1), Edit("add", 0, 2, 4)]
    with pytest.raises(AssertionError):
        check_last_screen(DELTA, "none", actions, 0)


def test_a_mark_that_moved_makes_room_for_another():
    moved = a_mark(tracking_uid="1.9.1", points=((300.0, 300.0),), centre=(300.0, 300.0))
    new = a_mark(tracking_uid="1.9.2")
    first = a_read_object("1.2.3.1", marks=(a_mark(tracking_uid="1.9.1"),))
    second = a_read_object("1.2.3.2", marks=(new, moved))
    folded = fold([a_save(first, 1), a_save(second, 2)])
    assert {mark.centre for mark in folded.counted} == {(300.0, 300.0), (100.0, 200.0)}


def test_a_viewer_not_known_to_save_anew_is_asked_where_it_plainly_does():
    kept = a_mark(points=((300.0, 300.0),), centre=(300.0, 300.0))
    first = a_read_object("1.2.3.1", marks=(a_mark(), kept))
    second = a_read_object("1.2.3.2", marks=(kept,))
    folded = fold([a_save(first, 1), a_save(second, 2)])
    assert [mark.state for mark in folded.marks] == [MarkState.ASKED, MarkState.READ]


def test_a_like_mark_right_over_an_earlier_one_is_asked_about():
    box = ((100.0, 100.0), (140.0, 100.0), (140.0, 140.0), (100.0, 100.0))
    near = tuple((x + 8, y + 8) for x, y in box)
    first = a_mark(shape="POLYGON", points=box, centre=(120.0, 120.0))
    second = a_mark(shape="POLYGON", points=near, centre=(128.0, 128.0))
    folded = fold(
        [
            a_save(a_read_object("1.2.3.1", marks=(first,)), 1),
            a_save(a_read_object("1.2.3.2", marks=(second,)), 2),
        ]
    )
    assert [mark.state for mark in folded.marks] == [MarkState.ASKED, MarkState.READ]
