"""dcmjs-dimse, towards the node and from it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from conformance.checks_dcmtk import moved_to_us
from conformance.house import CASES, TITLE
from conformance.matrix import IT, NOT_OFFERED, WE, check
from conformance.stage import ALIEN, CALLER, KINDS, Stage, free_port

DCMJS = "dcmjs-dimse"
CLIENT, SERVER = "Client", "Server"
SUCCESS = 0x0000


@check(DCMJS, CLIENT, IT, "C-ECHO")
def echo(stage: Stage) -> None:
    assert stage.dcmjs(do="echo", port=stage.hospital.port)["statuses"] == [SUCCESS]


@check(DCMJS, CLIENT, IT, "unknown caller refused")
def stranger(stage: Stage) -> None:
    said = stage.dcmjs(do="echo", port=stage.hospital.port, calling="STRANGER")
    assert (said["statuses"], said["error"]) == ([], "rejected 1 1 3")


@check(DCMJS, CLIENT, IT, "C-STORE of SR, PR, KO; byte for byte at its own PDU length")
def stores(stage: Stage) -> None:
    with stage.files() as files:
        stage.same_bytes(files, partial(_send, stage))


def _send(stage: Stage, port: int, files: list[Path]) -> None:
    said = stage.dcmjs(do="store", port=port, files=files)
    assert said["statuses"] == [SUCCESS] * len(files), said


@check(DCMJS, CLIENT, IT, "C-STORE of a changed image of ours; byte for byte")
def stores_image(stage: Stage) -> None:
    stage.image_comes_back(partial(_send, stage))


@check(DCMJS, CLIENT, IT, "object of no case of ours refused with 0124")
def alien(stage: Stage) -> None:
    with stage.files(KINDS["SR"], accession=ALIEN) as files:
        said = stage.dcmjs(do="store", port=stage.hospital.port, files=files)
        assert said["statuses"] == [0x0124]


@check(DCMJS, CLIENT, IT, "C-FIND Study Root: study, series, image")
def find(stage: Stage) -> None:
    def ask(level: str, **keys: str) -> list[dict[str, Any]]:
        said = stage.dcmjs(do="find", port=stage.hospital.port, level=level, keys=keys)
        assert said["statuses"][-1] == SUCCESS, said
        return list(said["answers"])

    [study] = ask("STUDY", AccessionNumber=CASES[1], StudyInstanceUID="")
    uid = study["StudyInstanceUID"]
    series = ask("SERIES", StudyInstanceUID=uid, SeriesInstanceUID="")
    assert len(series) == 4
    above = {"StudyInstanceUID": uid, "SeriesInstanceUID": series[0]["SeriesInstanceUID"]}
    [image] = ask("IMAGE", **above, SOPInstanceUID="")
    assert image["SOPInstanceUID"]


@check(DCMJS, CLIENT, IT, "C-MOVE Study Root; images byte for byte")
def move(stage: Stage) -> None:
    assert stage.loaded
    stage.receiver.forget()
    said = stage.dcmjs(do="move", port=stage.hospital.port, study=stage.study(), destination=CALLER)
    assert (said["statuses"][-1], said["completed"], said["failed"]) == (SUCCESS, 4, 0), said
    stage.same_images(stage.receiver.received())


@check(DCMJS, CLIENT, IT, "C-GET Study Root")
def get(stage: Stage) -> None:
    said = stage.dcmjs(do="get", port=stage.hospital.port, study=stage.study())
    assert (said["statuses"][-1], said["completed"], said["failed"]) == (SUCCESS, 4, 0), said
    assert len(set(said["objects"])) == 4


@check(DCMJS, CLIENT, IT, "Instance Availability Notification")
def notify(stage: Stage) -> None:
    def ask(level: str, **keys: str) -> dict[str, Any]:
        said = stage.dcmjs(do="find", port=stage.hospital.port, level=level, keys=keys)
        return dict(said["answers"][0])

    above = {"StudyInstanceUID": stage.study()}
    above["SeriesInstanceUID"] = ask("SERIES", **above, SeriesInstanceUID="")["SeriesInstanceUID"]
    instance = {
        "ReferencedSOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2",
        "ReferencedSOPInstanceUID": ask("IMAGE", **above, SOPInstanceUID="")["SOPInstanceUID"],
        "InstanceAvailability": "ONLINE",
        "RetrieveAETitle": CALLER,
    }
    series = {
        "SeriesInstanceUID": above["SeriesInstanceUID"],
        "ReferencedSOPSequence": [instance],
    }
    keys = {
        "ReferencedPerformedProcedureStepSequence": [],
        "StudyInstanceUID": stage.study(),
        "ReferencedSeriesSequence": [series],
    }
    said = stage.dcmjs(
        do="create", port=stage.hospital.port, sopClass="1.2.840.10008.5.1.4.33", keys=keys
    )
    assert said["statuses"] == [SUCCESS], said


@check(DCMJS, CLIENT, IT, "C-FIND, C-MOVE, C-GET Patient Root")
def patient_root(_stage: Stage) -> str:
    return NOT_OFFERED


def _enter_tls() -> None:
    for version in ("TLSv1.2", "TLSv1.3"):

        def echo_tls(stage: Stage, version: str = version) -> None:
            port = stage.secured.tls_port
            key, certificate, authority = stage.key
            tls = {"key": key, "cert": certificate, "ca": authority, "version": version}
            said = stage.dcmjs(do="echo", port=port, calling="SECURE", tls=tls)
            assert said["statuses"] == [SUCCESS], said

        check(DCMJS, CLIENT, IT, f"C-ECHO over mutual {version.replace('v', ' ')}")(echo_tls)


_enter_tls()


@check(DCMJS, SERVER, WE, "C-ECHO, C-STORE, C-FIND: a load is ready")
def we_load(stage: Stage) -> None:
    folder, port = stage.folder / "dcmjs", free_port()
    folder.mkdir()
    stage.start_dcmjs(port, folder=folder, node=stage.hospital.port, title="DCMJS", called=TITLE)
    stage.load("dcmjs", "DCMJS", port)
    assert stage.house.ask("pacs", "echo", "dcmjs")["answers"] is True


@check(DCMJS, SERVER, WE, "C-MOVE to our node")
def we_move(stage: Stage) -> None:
    moved_to_us(stage, "dcmjs")


@check(DCMJS, SERVER, WE, "C-GET")
def we_get(_stage: Stage) -> str:
    return NOT_OFFERED  # a server of it cannot send objects over the association that asks
