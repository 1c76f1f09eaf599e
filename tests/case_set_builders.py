"""An import for a test: real database, real archive, keys of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.deid.uids import new_uid
from pacs_bridge.domain.caseset import Instance
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.services.case_sets import ImportReport, import_case_set
from tests.databases import TestDatabase

KEY_UID, KEY_PASSPORT = b"u" * 32, b"p" * 32
SET = SetName(12, 1)


@dataclass
class Desk:
    """Where case sets are imported in a test."""

    database: TestDatabase
    archive: LocalArchive
    folder: Path

    def take(self, **changes: Any) -> ImportReport:
        """Import the folder as PERFORMS121; a pilot unless told otherwise."""
        arguments: dict[str, Any] = {
            "begin": self.database.begin,
            "archive": self.archive,
            "key_uid": KEY_UID,
            "key_passport": KEY_PASSPORT,
            "now": self.database.clock,
            "title": "SA12 part 1",
            "partial": True,
        }
        directory = changes.pop("directory", self.folder)
        set_name = changes.pop("set_name", SET)
        return import_case_set(directory, set_name, **{**arguments, **changes})

    def read(self, image: Instance) -> Dataset:
        """Read an archived image."""
        return dcmread(self.archive.path(image.content_hash))

    def objects(self) -> int:
        """How many objects the archive holds."""
        return sum(
            1 for path in self.archive.path("0" * 64).parents[1].rglob("*") if path.is_file()
        )


def uid_of(source: str, set_name: str = "PERFORMS121") -> str:
    """The UID that a source's UID becomes in the test's set."""
    return new_uid(KEY_UID, set_name, 0, source)


@pytest.fixture
def desk(database: TestDatabase, tmp_path: Path) -> Desk:
    """An empty desk; put images into ``desk.folder``."""
    folder = tmp_path / "images"
    folder.mkdir()
    return Desk(database, LocalArchive(tmp_path / "archive"), folder)


def refusals(desk: Desk, **changes: object) -> dict[str, str]:
    """Import what must be refused; gives each file with its reason."""
    with pytest.raises(RefusedInput) as refused:
        desk.take(**changes)
    with desk.database.begin() as uow:
        assert uow.case_sets.lines() == []
    return dict(refused.value.reasons) or {"": str(refused.value)}
