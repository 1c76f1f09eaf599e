"""Orthanc, as a hospital's PACS, asks the node and has images sent to itself."""

from __future__ import annotations

from pathlib import Path

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.sandbox.orthanc import Modality
from tests.databases import TestDatabase
from tests.orthanc import running_orthanc
from tests.queries import keep, load, query_node


def test_orthanc_finds_a_study_and_moves_it_to_itself(
    database: TestDatabase, tmp_path: Path
) -> None:
    archive = LocalArchive(tmp_path / "archive")
    load(database, keep(archive))
    with (
        query_node(database, archive) as port,
        running_orthanc(
            tmp_path / "orthanc", Modality("scheme", "PACSBRIDGE", port), ae_title="HOSPITAL"
        ) as orthanc,
    ):
        endpoint = Endpoint(
            "HOSPITAL", "127.0.0.1", orthanc.dicom_port, ("store", "query", "calls-from")
        )
        with database.begin() as uow:
            uow.pacs.put(Pacs("hospital", (endpoint,), plain=True), database.clock())
        question = {"Level": "Study", "Query": {"AccessionNumber": "PERFORMS12110*"}}
        asked = orthanc.post("/modalities/scheme/query", question)
        answers = orthanc.get(f"/queries/{asked['ID']}/answers")
        first = orthanc.get(f"/queries/{asked['ID']}/answers/0/content", simplify="")
        orthanc.post(f"/queries/{asked['ID']}/answers/0/retrieve", {"TargetAet": "HOSPITAL"})
        held = orthanc.count()
        got = orthanc.find("Study", AccessionNumber="*")
    assert len(answers) == 2
    assert first["AccessionNumber"] == "PERFORMS121101"
    assert (held["studies"], held["instances"]) == (1, 4)
    assert len(got) == 1
