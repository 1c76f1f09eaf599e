"""Of an image that came back each content is kept once, and what it holds is found out later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_bridge.services import receive_image
from tests.databases import TestDatabase
from tests.mammograms import MAMMOGRAM
from tests.nodes import IMPLICIT, RunningNode, associated, send, send_raw
from tests.resent import (
    image_node,
    images,
    judge_all,
    our_image,
    queued,
    refusals,
    with_overlay,
)

SUCCESS, CONFLICT = 0, 0xC001


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node into whose PACS case PERFORMS121101 was loaded."""
    with image_node(database, tmp_path) as running:
        yield running


def test_each_content_of_an_image_is_kept_once(node: RunningNode) -> None:
    one, other = our_image(), our_image(PatientComments="looked at")
    for ds in (one, other, one, with_overlay(our_image()), other):
        assert send(node.port, ds).Status == SUCCESS
    assert judge_all(node) == ["read", "read", "same", "parked", "same"]
    kept = {image.state: image for image in images(node.database)}
    assert kept["parked"].kind == "overlay"
    assert "overlay" in kept["parked"].reason
    assert len(images(node.database)) == 3
    assert len(node.files()) == 3
    for image in images(node.database):
        assert node.archive.path(image.content_hash).is_file()
    assert ("extract", (kept["parked"].sop_instance_uid,)) in node.database.jobs.jobs


def test_one_that_changed_its_encoding_alone_is_the_same(node: RunningNode) -> None:
    for syntax in ("1.2.840.10008.1.2.1", IMPLICIT):
        with associated(node.port, MAMMOGRAM, syntaxes=[syntax]) as association:
            assert send_raw(association, our_image()).Status == SUCCESS
    assert judge_all(node) == ["read", "same"]
    assert len(node.files()) == 1


def test_a_job_that_is_done_twice_changes_nothing(node: RunningNode) -> None:
    assert send(node.port, our_image()).Status == SUCCESS
    due = list(queued(node))
    assert judge_all(node) == ["read"]
    before = images(node.database), node.files()
    node.database.jobs.jobs += due
    assert judge_all(node) == ["read"]
    assert (images(node.database), node.files()) == before


def test_one_that_was_damaged_on_our_disk_is_kept_for_a_person(node: RunningNode) -> None:
    assert send(node.port, our_image()).Status == SUCCESS
    [path] = node.files()
    path.write_bytes(path.read_bytes()[:-9])
    due = list(queued(node))
    assert judge_all(node) == ["parked"]
    node.database.jobs.jobs += due
    assert judge_all(node) == ["parked"]
    assert node.files() == [path]
    [image] = images(node.database)
    assert node.archive.path(image.content_hash) == path
    assert "kept as it came" in image.reason


def test_too_many_contents_of_one_image_are_for_a_person(
    node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive_image, "MOST_CONTENTS", 3)
    for number in range(3):
        assert send(node.port, our_image(PatientComments=f"{number}")).Status == SUCCESS
    judge_all(node)
    assert send(node.port, our_image(PatientComments="one more")).Status == CONFLICT
    assert refusals(node.database)[0].kind == "conflict"
    assert len(node.files()) == 3
