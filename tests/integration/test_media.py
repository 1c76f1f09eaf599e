"""A case set on media: a DICOMDIR that others read, in parts where a portal asks for them."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import RefusedInput, UnreadableObject
from pacs_bridge.services.media import MediaPart, export_media
from pacs_bridge.services.passports import public_key_of, verify_passport
from tests.case_set_builders import KEY_PASSPORT, Desk, desk
from tests.mammograms import a_folder
from tests.peers import need

__all__ = ["desk"]


def export(desk: Desk, folder: Path, *, part_bytes: int | None = None) -> list[MediaPart]:
    return export_media(
        "PERFORMS121", folder, begin=desk.database.begin, archive=desk.archive,
        now=desk.database.clock, part_bytes=part_bytes,
    )  # fmt: skip


def listed(folder: Path) -> dict[str, Path]:
    """The files that a directory names, by the UID that it says they have."""
    records = dcmread(folder / "DICOMDIR").DirectoryRecordSequence
    return {
        str(record.ReferencedSOPInstanceUIDInFile): folder.joinpath(*record.ReferencedFileID)
        for record in records
        if record.DirectoryRecordType == "IMAGE"
    }


@pytest.fixture
def passport(desk: Desk) -> Passport:
    a_folder(desk.folder, 3)
    return desk.take().passport


def test_every_file_keeps_its_bytes_and_the_directory_names_every_one(
    desk: Desk, passport: Passport, tmp_path: Path
) -> None:
    [part] = export(desk, tmp_path / "media")

    found = listed(part.folder)
    hashes = {uid: hashlib.sha256(path.read_bytes()).hexdigest() for uid, path in found.items()}
    assert hashes == {i.sop_instance_uid: i.content_hash for *_, i in passport.instances()}
    assert (part.images, part.size) == (12, sum(i.size for *_, i in passport.instances()))
    names = [path.relative_to(part.folder).parts for path in found.values()]
    assert all(len(name) == 4 and all(len(each) == 8 for each in name) for name in names)


def test_dciodvfy_and_dcmtk_find_nothing_wrong_with_the_directory(
    desk: Desk, passport: Passport, tmp_path: Path
) -> None:
    [part] = export(desk, tmp_path / "media")
    directory = str(part.folder / "DICOMDIR")
    judged = subprocess.run(
        [need("dciodvfy", "dicom3tools"), directory],
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert "Error" not in judged.stderr
    assert "BasicDirectory" in judged.stderr
    # DCMTK walks the records by their offsets, and refuses a directory it cannot go on with
    extended = subprocess.run(
        [need("dcmmkdir", "dcmtk"), "+A", "+id", str(part.folder), "+D", directory, "-Nxc",
         "PT000000/ST000000/SE000000/IM000000"],
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert extended.returncode == 0, extended.stderr
    assert len(listed(part.folder)) == 12


def test_the_passport_on_the_medium_is_the_signed_one(
    desk: Desk, passport: Passport, tmp_path: Path
) -> None:
    [part] = export(desk, tmp_path / "media")
    carried = Passport.from_dict(json.loads((part.folder / "PASSPORT.JSN").read_bytes()))
    verify_passport(carried, public_key_of(KEY_PASSPORT))
    assert carried.digest() == passport.digest()
    assert "NOT PATIENTS" in (part.folder / "README.TXT").read_text()


def test_parts_stay_below_the_portals_limit_and_never_split_a_case(
    desk: Desk, passport: Passport, tmp_path: Path
) -> None:
    largest = max(sum(i.size for i in case.instances()) for case in passport.cases)
    limit = 2 * largest + 8_192
    parts = export(desk, tmp_path / "media", part_bytes=limit)

    assert [len(part.cases) for part in parts] == [2, 1]
    assert [case for part in parts for case in part.cases] == [c.accession for c in passport.cases]
    for part in parts:
        held = {
            str(dcmread(path, stop_before_pixels=True).AccessionNumber)
            for path in listed(part.folder).values()
        }
        assert held == set(part.cases)
        assert (
            sum(path.stat().st_size for path in part.folder.rglob("*0*") if path.is_file()) <= limit
        )


def test_a_folder_that_holds_something_is_refused_and_left_alone(
    desk: Desk, passport: Passport, tmp_path: Path
) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "letter.txt").write_text("mine")
    with pytest.raises(RefusedInput, match="not empty"):
        export(desk, tmp_path / "media")
    assert [path.name for path in (tmp_path / "media").iterdir()] == ["letter.txt"]


def test_an_archived_image_that_was_changed_does_not_go_out(
    desk: Desk, passport: Passport, tmp_path: Path
) -> None:
    image = next(iter(passport.cases[1].instances()))
    path = desk.archive.path(image.content_hash)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"\0\0")
    with pytest.raises(UnreadableObject, match=image.sop_instance_uid):
        export(desk, tmp_path / "media")


def test_a_part_smaller_than_a_case_is_refused_by_name(
    desk: Desk, passport: Passport, tmp_path: Path
) -> None:
    with pytest.raises(RefusedInput, match=passport.cases[0].accession):
        export(desk, tmp_path / "media", part_bytes=5_000)
