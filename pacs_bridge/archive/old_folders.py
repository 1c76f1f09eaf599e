"""Homes of the first releases: their objects lie one folder deeper, and are brought up here."""

from __future__ import annotations

import re
from pathlib import Path

from pacs_bridge.archive.disk import Disk

_TWO = re.compile(r"[0-9a-f]{2}")
_HASH = re.compile(r"[0-9a-f]{64}")


def bring_up(root: Path, *, disk: Disk | None = None) -> int:
    """Move every ``ab/cd/<sha256>`` to ``ab/<sha256>``; gives how many were moved.

    A crash in between loses nothing: repeating it goes on. An object that lies in both places
    is the same in both.

    Raises
    ------
    OSError
        When the disk does not take a change.
    """
    disk, moved = disk or Disk(), 0
    for upper in _folders(root):
        lower = _folders(upper)
        for folder in lower:
            for path in [each for each in folder.iterdir() if _HASH.fullmatch(each.name)]:
                disk.rename(path, upper / path.name)
                moved += 1
        if lower:
            disk.sync_folder(upper)
        for folder in lower:
            if not any(folder.iterdir()):
                folder.rmdir()
    return moved


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(each for each in root.iterdir() if _TWO.fullmatch(each.name) and each.is_dir())
