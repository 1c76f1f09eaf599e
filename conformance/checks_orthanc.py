"""Orthanc, in both directions: asked by our side, and asking our node by its REST interface."""

from __future__ import annotations

import http.client
import json
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

from conformance.checks_dcmtk import fetched, moved_to_us
from conformance.house import CASES, SET, TITLE
from conformance.matrix import IT, NOT_OFFERED, WE, check
from conformance.programs import HOST, need, wait_until
from conformance.stage import ALIEN, KINDS, Stage, free_port

ORTHANC, PROGRAM = "Orthanc", "Orthanc"
PDUS = {16384: "orthanc", 131072: "orthanc-tls"}
"""Two of them: the second takes associations over TLS, and both ask in their own PDU length."""


class Server:
    """One Orthanc, in a folder of its own."""

    def __init__(self, stage: Stage, name: str, *, pdu: int, tls: bool) -> None:
        house = stage.secured if tls else stage.hospital
        self.title, self.port, self.http_port = name.upper(), free_port(), free_port()
        folder = stage.folder / name
        folder.mkdir()
        key, certificate, authority = (str(path) for path in stage.key)
        node = {"AET": TITLE, "Host": HOST, "Port": house.port}
        settings = {
            "Name": name, "StorageDirectory": str(folder), "IndexDirectory": str(folder),
            "Plugins": [], "HttpPort": self.http_port, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False, "DicomPort": self.port, "DicomAet": self.title,
            "DicomAlwaysAllowMove": True, "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True, "DicomAlwaysAllowStore": True,
            "DicomCheckModalityHost": False, "MaximumPduLength": pdu,
            "DicomModalities": {
                "node": node,
                "node-tls": {**node, "Port": house.tls_port, "UseDicomTls": True},
                "reference": {"AET": "ANY", "Host": HOST, "Port": stage.reference.port},
            },
            "DicomTlsEnabled": tls, "DicomTlsPrivateKey": key,
            "DicomTlsCertificate": certificate, "DicomTlsTrustedCertificates": authority,
        }  # fmt: skip
        (folder / "orthanc.json").write_text(json.dumps(settings))
        command = [need("Orthanc", "orthanc"), folder / "orthanc.json"]
        stage.start(name, command, self.http_port)

    def ask(self, method: str, path: str, body: Any = None, *, fails: bool = False) -> Any:
        """Ask the REST interface."""
        connection = http.client.HTTPConnection(HOST, self.http_port, timeout=60)
        try:
            data = body if isinstance(body, bytes) else json.dumps(body)
            connection.request(method, path, data)
            answer = connection.getresponse()
            said = answer.read().decode()
        finally:
            connection.close()
        assert fails or answer.status == 200, said
        return json.loads(said)

    def post(self, path: str, body: Any = None, **how: Any) -> Any:
        """POST to the REST interface."""
        return self.ask("POST", path, {} if body is None else body, **how)

    def send(self, to: str, files: list[Path]) -> Any:
        """Have it store files to a modality."""
        made = [self.post("/instances", file.read_bytes())["ID"] for file in files]
        return self.post(f"/modalities/{to}/store", made, fails=True)


@cache
def _server(stage: Stage, pdu: int) -> Server:
    made = Server(stage, PDUS[pdu], pdu=pdu, tls=pdu == 131072)
    if pdu == 131072:
        words = ("--tls", "--certificate", stage.authority / "secure.pem")
        stage.add_pacs(PDUS[pdu], made.title, made.port, *words)
    return made


def server(stage: Stage, pdu: int = 16384) -> Server:
    """One of the two, started once; that with TLS is registered here."""
    return _server(stage, pdu)


@check(ORTHANC, PROGRAM, WE, "C-ECHO, C-STORE, C-FIND: a load is ready")
def we_load(stage: Stage) -> None:
    made = server(stage)
    stage.load("orthanc", made.title, made.port)
    assert stage.house.ask("pacs", "echo", "orthanc")["answers"] is True


@check(ORTHANC, PROGRAM, WE, "C-GET: a case comes back as it was sent")
def we_get(stage: Stage) -> None:
    fetched(stage, "orthanc")


@check(ORTHANC, PROGRAM, WE, "C-MOVE to our node")
def we_move(stage: Stage) -> None:
    moved_to_us(stage, "orthanc")


@check(ORTHANC, PROGRAM, WE, "Storage Commitment: it commits to a load")
def we_commit(stage: Stage) -> None:
    said = stage.house.ask("load", "commit", SET, "orthanc", "--wait", 60)
    assert said["images"]["committed"] == 4 * len(CASES), said


@check(ORTHANC, PROGRAM, IT, "Storage Commitment: we commit to what was stored, not to else")
def commitment(stage: Stage) -> None:
    made = server(stage)
    with stage.files(KINDS["SR"]) as [file]:
        made.send("node", [file])
        stored, other = ({"SOPClassUID": KINDS["SR"], "SOPInstanceUID": uid}
                         for uid in (file.stem, "1.2.3.4"))  # fmt: skip
        asked = made.post(
            "/modalities/node/storage-commitment", {"DicomInstances": [stored, other]}
        )
        path = f"/storage-commitment/{asked['ID']}"
        wait_until(lambda: made.ask("GET", path)["Status"] != "Pending", "our report")
        report = made.ask("GET", path)
        assert report["Success"] == [stored]
        assert [each["SOPInstanceUID"] for each in report["Failures"]] == ["1.2.3.4"]


@check(ORTHANC, PROGRAM, IT, "C-ECHO")
def echo(stage: Stage) -> None:
    server(stage).post("/modalities/node/echo")


def _send(stage: Stage, pdu: int, port: int, files: list[Path]) -> None:
    node = "node-tls" if pdu == 131072 else "node"
    to = "reference" if port == stage.reference.port else node
    said = server(stage, pdu).send(to, files)
    assert (said["InstancesCount"], said["FailedInstancesCount"]) == (len(files), 0), said


def _enter_stores() -> None:
    for pdu in PDUS:

        def bytes_at(stage: Stage, pdu: int = pdu) -> None:
            with stage.files() as files:
                stage.same_bytes(files, partial(_send, stage, pdu))

        how = " over mutual TLS" if pdu == 131072 else ""
        service = f"C-STORE of SR, PR, KO{how}; byte for byte at max PDU {pdu}"
        check(ORTHANC, PROGRAM, IT, service)(bytes_at)


_enter_stores()


@check(ORTHANC, PROGRAM, IT, "object of no case of ours refused with 0124")
def alien(stage: Stage) -> None:
    with stage.files(KINDS["SR"], accession=ALIEN) as files:
        said = server(stage).send("node", files)
        assert said["HttpStatus"] >= 400
        log = (stage.folder / "orthanc.log").read_text(errors="replace")
        assert re.search(r"0x0*124|0124|292", log), log[-2000:]


@check(ORTHANC, PROGRAM, IT, "C-FIND Study Root: study, series")
def find(stage: Stage) -> None:
    query = {"Level": "Study", "Query": {"AccessionNumber": CASES[1]}}
    assert len(_answers(stage, query)) == 1
    query = {"Level": "Series", "Query": {"StudyInstanceUID": stage.study()}}
    assert len(_answers(stage, query)) == 4


def _answers(stage: Stage, query: dict[str, Any]) -> list[Any]:
    made = server(stage)
    asked = made.post("/modalities/node/query", query)
    return list(made.ask("GET", f"/queries/{asked['ID']}/answers"))


@check(ORTHANC, PROGRAM, IT, "C-MOVE Study Root")
def move(stage: Stage) -> None:
    made = server(stage)
    query = {"Level": "Study", "Query": {"StudyInstanceUID": stage.study()}}
    asked = made.post("/modalities/node/query", query)
    for study in made.ask("GET", "/studies"):
        made.ask("DELETE", f"/studies/{study}")
    made.post(f"/queries/{asked['ID']}/retrieve", {"TargetAet": made.title, "Synchronous": True})
    assert made.ask("GET", "/statistics")["CountInstances"] == 4


@check(ORTHANC, PROGRAM, IT, "C-GET")
def get(_stage: Stage) -> str:
    return NOT_OFFERED  # it asks by C-MOVE alone


@check(ORTHANC, PROGRAM, IT, "C-ECHO over mutual TLS")
def echo_tls(stage: Stage) -> None:
    server(stage, 131072).post("/modalities/node-tls/echo")


@check(ORTHANC, PROGRAM, WE, "C-ECHO over mutual TLS")
def we_echo_tls(stage: Stage) -> None:
    assert server(stage, 131072)
    assert stage.house.ask("pacs", "echo", "orthanc-tls")["answers"] is True
