"""The Study Time comes out of an archived image, or is empty; nothing raises."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.services.query_times import study_time_in
from tests.builders import MG, an_image

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def a_file(syntax: str, time: str | None) -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = MG, "1.2.3"
    ds.file_meta.TransferSyntaxUID, ds.file_meta.ImplementationClassUID = syntax, "1.2.3.4"
    ds.SOPClassUID, ds.SOPInstanceUID, ds.AccessionNumber = MG, "1.2.3", "X"
    if time is not None:
        ds.StudyTime = time
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_time_is_read_in_either_encoding(tmp_path: Path, syntax: str) -> None:
    archive = LocalArchive(tmp_path)
    tell = study_time_in(archive)
    for time, told in (("090000", "090000"), ("0915", "0915"), ("", ""), (None, "")):
        image = replace(
            an_image(), content_hash=archive.put(a_file(syntax, time)), transfer_syntax_uid=syntax
        )
        assert tell(image) == told


def test_what_is_not_there_or_no_image_has_no_time(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    tell = study_time_in(archive)
    assert tell(an_image()) == ""
    whole = a_file(EXPLICIT, "090000")
    for data in (b"", b"x" * 5000, whole[:150], whole[: whole.index(b"090000") - 8]):
        assert tell(replace(an_image(), content_hash=archive.put(data))) == ""
