"""A home of the first releases keeps its objects when `init` brings it up to date."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.archive.old_folders import bring_up


def put_as_of_old(root: Path, content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    folder = root / name[:2] / name[2:4]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return name


def test_objects_that_lay_a_folder_deeper_are_found_again(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    assert bring_up(root) == 0
    objects = {put_as_of_old(root, content): content for content in (b"one", b"two", b"three")}
    archive = LocalArchive(root)
    new = archive.put(b"four")
    assert not any(archive.has(name) for name in objects)
    assert bring_up(root) == 3
    for name, content in {**objects, new: b"four"}.items():
        assert archive.path(name).read_bytes() == content
    assert bring_up(root) == 0
    assert [each for each in root.glob("??/??") if each.is_dir()] == []


def test_one_that_is_there_already_and_what_is_none_of_ours_do_no_harm(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    name = LocalArchive(root).put(b"one")
    assert put_as_of_old(root, b"one") == name
    stray = root / name[:2] / name[2:4] / "note.txt"
    stray.write_text("not ours")
    bring_up(root)
    assert LocalArchive(root).path(name).read_bytes() == b"one"
    assert stray.read_text() == "not ours"
