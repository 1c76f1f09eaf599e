"""pynetdicom's own programs and its AE, towards the node and from it.

Its requestor loses one quick answer in a thousand to a thread of its own (decision 0018). Where
both of its threads are held up between the request and the wait for the answer, the other one
takes it off the queue and throws it away: "Received unexpected ... service message". Held up there
on purpose, it loses every answer of DCMTK's storescp, too. What fails is asked again, twice at
most.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pynetdicom import AE

from conformance.checks_dcmtk import fetched, moved_to_us
from conformance.house import CASES, TITLE, data_set
from conformance.matrix import IT, WE, check
from conformance.programs import HOST
from conformance.stage import ALIEN, CALLER, KINDS, Stage, free_port, uid_of

PYNETDICOM = "pynetdicom"
WHO = ("-aet", CALLER, "-aec", TITLE)


def patiently(ask: Callable[[], str], wanted: Callable[[str], bool]) -> str:
    """Ask until the answer is complete, three times at most; gives the last."""
    said = ""
    for _ in range(3):
        said = ask()
        if wanted(said):
            break
    assert wanted(said), said
    return said


def _succeeded(said: str) -> bool:
    return re.search(r"0x0000 (- Success|\(Success\))", said) is not None


def app(stage: Stage, name: str, *words: object) -> Callable[[], str]:
    """Run one of its programs against the node; gives all it prints."""

    def ask() -> str:
        done = stage.pynetdicom(name, "-v", *WHO, HOST, stage.hospital.port, *words)
        return str(done.stdout + done.stderr)

    return ask


@check(PYNETDICOM, "echoscu", IT, "C-ECHO")
def echo(stage: Stage) -> None:
    patiently(app(stage, "echoscu"), lambda said: "Received Echo Response (Status: 0x0000" in said)


@check(PYNETDICOM, "echoscu", IT, "unknown caller refused")
def stranger(stage: Stage) -> None:
    words = ("-v", "-aet", "STRANGER", "-aec", TITLE, HOST, stage.hospital.port)

    def ask() -> str:
        done = stage.pynetdicom("echoscu", *words)
        return str(done.stdout + done.stderr)

    patiently(ask, lambda said: "Calling AE title not recognised" in said)


def _store(stage: Stage, port: int, files: list[Path]) -> None:
    for file in files:
        patiently(partial(_store_once, stage, port, file), _succeeded)  # twice is as good as once


def _store_once(stage: Stage, port: int, file: Path) -> str:
    done = stage.pynetdicom("storescu", "-v", *WHO, HOST, port, file, "-cx")
    return str(done.stdout + done.stderr)


@check(PYNETDICOM, "storescu", IT, "C-STORE of SR, PR, KO; byte for byte at its own PDU length")
def stores(stage: Stage) -> None:
    with stage.files() as files:
        stage.same_bytes(files, lambda port, some: _store(stage, port, some))


@check(PYNETDICOM, "storescu", IT, "C-STORE of a changed image of ours; byte for byte")
def stores_image(stage: Stage) -> None:
    stage.image_comes_back(lambda port, some: _store(stage, port, some))


@check(PYNETDICOM, "storescu", IT, "object of no case of ours refused with 0124")
def alien(stage: Stage) -> None:
    with stage.files(KINDS["SR"], accession=ALIEN) as [file]:
        patiently(app(stage, "storescu", file, "-cx"), lambda said: "0x0124" in said)


@check(PYNETDICOM, "findscu", IT, "C-FIND Study Root: study, series, image")
def find_study_root(stage: Stage) -> None:
    _find(stage, "-S")


@check(PYNETDICOM, "findscu", IT, "C-FIND Patient Root: patient, study, series, image")
def find_patient_root(stage: Stage) -> None:
    assert len(_answers(stage, "-P", "PATIENT", 2, "PatientID=")) == 2
    _find(stage, "-P", f"PatientID={CASES[1]}")


def _find(stage: Stage, model: str, *above: str) -> None:
    study = f"StudyInstanceUID={stage.study()}"
    _answers(stage, model, "STUDY", 1, *above, study)
    said = _answers(stage, model, "SERIES", 4, *above, study, "SeriesInstanceUID=")
    series = f"SeriesInstanceUID={said[0]}"
    _answers(stage, model, "IMAGE", 1, *above, study, series, "SOPInstanceUID=")


def _answers(stage: Stage, model: str, level: str, count: int, *keys: str) -> list[str]:
    """Ask with findscu; gives the Series Instance UIDs of the answers, or whatever stands there."""
    words = [w for key in (f"QueryRetrieveLevel={level}", *keys) for w in ("-k", key)]

    def is_whole(said: str) -> bool:
        return len(re.findall(r"0xFF0[01]", said)) == count and _succeeded(said)

    said = patiently(app(stage, "findscu", model, *words), is_whole)
    uids = re.findall(r"\(0020,000E\) UI \[([\d.]+)\]", said)
    return [uid for uid in uids if uid] or [""] * count


def _enter_retrievals() -> None:
    for model, root in (("-S", "Study Root"), ("-P", "Patient Root")):

        def moved(stage: Stage, model: str = model) -> None:
            assert stage.loaded
            stage.receiver.forget()
            patiently(
                app(stage, "movescu", model, "-aem", CALLER, *_wanted(stage)),
                lambda said: _succeeded(said),
            )
            stage.same_images(stage.receiver.received())

        def got(stage: Stage, model: str = model) -> None:
            folder = stage.folder / f"pynetdicom-got{model}"
            folder.mkdir()
            patiently(
                app(stage, "getscu", model, "-od", folder, *_wanted(stage)),
                lambda said: _succeeded(said) and len(list(folder.iterdir())) == 4,
            )
            stage.same_images({uid_of(p): data_set(p) for p in folder.iterdir()})

        check(PYNETDICOM, "movescu", IT, f"C-MOVE {root}; images byte for byte")(moved)
        check(PYNETDICOM, "getscu", IT, f"C-GET {root}; images byte for byte")(got)


def _wanted(stage: Stage) -> list[str]:
    keys = ("QueryRetrieveLevel=STUDY", f"PatientID={CASES[1]}",
            f"StudyInstanceUID={stage.study()}")  # fmt: skip
    return [word for key in keys for word in ("-k", key)]


_enter_retrievals()


def _enter_tls() -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):

        def echo_tls(stage: Stage, version: ssl.TLSVersion = version) -> None:
            assert _secure_echo(stage, version) == 0x0000

        name = version.name.replace("v", " ").replace("_", ".")
        check(PYNETDICOM, "AE", IT, f"C-ECHO over mutual {name}")(echo_tls)


_enter_tls()


def _secure_echo(stage: Stage, version: ssl.TLSVersion) -> int | None:
    port = stage.secured.tls_port
    key, certificate, authority = stage.key
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(certificate, key)
    context.minimum_version = context.maximum_version = version
    ae = AE("SECURE")
    ae.add_requested_context("1.2.840.10008.1.1")
    status: Any = None
    for _ in range(3):
        association = ae.associate(HOST, port, ae_title=TITLE, tls_args=(context, HOST))
        if association.is_established:
            status = association.send_c_echo()
            association.release()
        if status is not None and "Status" in status:
            return int(status.Status)
    return None


@check(PYNETDICOM, "qrscp", WE, "C-ECHO, C-STORE, C-FIND: a load is ready")
def we_load(stage: Stage) -> None:
    folder, port = stage.folder / "qrscp", free_port()
    (folder / "instances").mkdir(parents=True)
    (folder / "qrscp.ini").write_text(
        f"""[DEFAULT]
ae_title: QRSCP
port: {port}
max_pdu: 131072
acse_timeout: 30
dimse_timeout: 30
network_timeout: 30
bind_address: {HOST}
instance_location: {folder / "instances"}
database_location: {folder / "instances.sqlite"}
log_identifier: False

[{TITLE}]
address: {HOST}
port: {stage.hospital.port}
"""
    )
    stage.start_pynetdicom("qrscp", port, "-c", folder / "qrscp.ini", cwd=folder)
    stage.load("qrscp", "QRSCP", port)
    assert stage.house.ask("pacs", "echo", "qrscp")["answers"] is True


@check(PYNETDICOM, "qrscp", WE, "C-GET: a case comes back as it was sent")
def we_get(stage: Stage) -> None:
    fetched(stage, "qrscp")


@check(PYNETDICOM, "qrscp", WE, "C-MOVE to our node")
def we_move(stage: Stage) -> None:
    moved_to_us(stage, "qrscp")
