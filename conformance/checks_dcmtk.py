"""DCMTK's programs, towards the node and from it; plain and over TLS."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from conformance.house import CASES, TITLE, data_set
from conformance.matrix import IT, NOT_OFFERED, WE, check
from conformance.programs import HOST, need, run
from conformance.stage import ALIEN, CALLER, KINDS, Stage, free_port, uid_of

DCMTK = "DCMTK"
BY = ("-aet", CALLER, "-aec", TITLE, HOST)


def ask(program: str, *words: object, fails: bool = False) -> str:
    """Run a requestor; gives all it prints."""
    done = run(need(program, "dcmtk"), "-v", *words)
    said = done.stdout + done.stderr
    assert fails or done.returncode == 0, said
    return said


@check(DCMTK, "echoscu", IT, "C-ECHO")
def echo(stage: Stage) -> None:
    ask("echoscu", *BY, stage.hospital.port)


@check(DCMTK, "echoscu", IT, "unknown caller refused")
def stranger(stage: Stage) -> None:
    port = stage.hospital.port
    said = ask("echoscu", "-aet", "STRANGER", "-aec", TITLE, HOST, port, fails=True)
    assert "Calling AE Title Not Recognized" in said


@check(DCMTK, "echoscu", IT, "wrong called AE title refused")
def wrong_called(stage: Stage) -> None:
    said = ask("echoscu", "-aet", CALLER, "-aec", "OTHER", HOST, stage.hospital.port, fails=True)
    assert "Called AE Title Not Recognized" in said


def store(program: str, options: tuple[object, ...], port: int, files: list[Path]) -> None:
    said = ask(program, *options, *BY, port, *files)
    assert len(re.findall(r"Response \(Success\)", said)) == len(files), said


def _enter_stores() -> None:
    for program in ("storescu", "dcmsend"):
        for pdu in (16384, 131072):

            def bytes_at(stage: Stage, program: str = program, pdu: int = pdu) -> None:
                with stage.files() as files:
                    stage.same_bytes(files, partial(store, program, ("--max-send-pdu", pdu)))

            def image_at(stage: Stage, program: str = program, pdu: int = pdu) -> None:
                stage.image_comes_back(partial(store, program, ("--max-send-pdu", pdu)))

            service = f"C-STORE of SR, PR, KO; byte for byte at max PDU {pdu}"
            check(DCMTK, program, IT, service)(bytes_at)
            service = f"C-STORE of a changed image of ours; byte for byte at max PDU {pdu}"
            check(DCMTK, program, IT, service)(image_at)


_enter_stores()


@check(DCMTK, "storescu", IT, "C-STORE in Implicit VR Little Endian; byte for byte")
def implicit(stage: Stage) -> None:
    with stage.files(implicit=True) as files:
        stage.same_bytes(files, partial(store, "storescu", ("-xi",)))


@check(DCMTK, "storescu", IT, "object of no case of ours refused with 0124")
def alien(stage: Stage) -> None:
    with stage.files(KINDS["SR"], accession=ALIEN) as files:
        said = ask("storescu", *BY, stage.hospital.port, *files, fails=True)
        assert "0x124" in said or "Refused: NotAuthorized" in said, said
        assert stage.house.archived(files[0].stem) == []


@check(DCMTK, "findscu", IT, "C-FIND Study Root: study, series, image")
def find_study_root(stage: Stage) -> None:
    _find(stage, "-S")


@check(DCMTK, "findscu", IT, "C-FIND Patient Root: patient, study, series, image")
def find_patient_root(stage: Stage) -> None:
    patient = f"PatientID={CASES[1]}"
    assert len(_answers(stage, "PATIENT", "PatientID", model="-P")) == len(CASES)
    _find(stage, "-P", patient)


def _find(stage: Stage, model: str, *above: str) -> None:
    ask_for = partial(_answers, stage, model=model)
    [study] = ask_for("STUDY", *above, f"AccessionNumber={CASES[1]}", "StudyInstanceUID")
    study_uid = f"StudyInstanceUID={study.StudyInstanceUID}"
    series = ask_for("SERIES", *above, study_uid, "SeriesInstanceUID")
    assert len(series) == 4
    series_uid = f"SeriesInstanceUID={series[0].SeriesInstanceUID}"
    [image] = ask_for("IMAGE", *above, study_uid, series_uid, "SOPInstanceUID", "Rows")
    assert image.Rows > 0


def _answers(stage: Stage, level: str, *keys: str, model: str = "-S") -> list[Any]:
    from pydicom import dcmread

    folder = stage.folder / "answers"
    folder.mkdir(exist_ok=True)
    stage.find(folder, level, *keys, model=model)
    answers = [dcmread(path) for path in sorted(folder.glob("rsp*.dcm"))]
    for path in folder.iterdir():
        path.unlink()
    return answers


def _enter_retrievals() -> None:
    for model, root in (("-S", "Study Root"), ("-P", "Patient Root")):

        def moved(stage: Stage, model: str = model) -> None:
            house, receiver = stage.hospital, stage.receiver
            assert stage.loaded
            receiver.forget()
            ask("movescu", model, *BY, house.port, "-aem", CALLER, *_wanted(stage))
            stage.same_images(receiver.received())

        def got(stage: Stage, model: str = model) -> None:
            folder = stage.folder / f"got{model}"
            folder.mkdir()
            ask("getscu", model, "+B", "-od", folder, *BY, stage.hospital.port, *_wanted(stage))
            stage.same_images({uid_of(p): data_set(p) for p in folder.iterdir()})

        check(DCMTK, "movescu", IT, f"C-MOVE {root}; images byte for byte")(moved)
        check(DCMTK, "getscu", IT, f"C-GET {root}; images byte for byte")(got)


def _wanted(stage: Stage) -> list[str]:
    keys = ("QueryRetrieveLevel=STUDY", f"PatientID={CASES[1]}",
            f"StudyInstanceUID={stage.study()}")  # fmt: skip
    return [word for key in keys for word in ("-k", key)]


_enter_retrievals()


def _secure(stage: Stage, program: str, *words: object) -> str | None:
    if "+tls" not in run(need(program, "dcmtk"), "--help").stdout:
        return NOT_OFFERED
    house = stage.secured
    key, certificate, authority = stage.key
    ask(program, "-aet", "SECURE", "-aec", TITLE, "+tls", key, certificate, "+cf", authority, HOST,
        house.tls_port, *words)  # fmt: skip
    return None


@check(DCMTK, "echoscu", IT, "C-ECHO over mutual TLS")
def echo_tls(stage: Stage) -> str | None:
    return _secure(stage, "echoscu")


@check(DCMTK, "echoscu", IT, "unencrypted call of a TLS PACS refused")
def echo_plain_refused(stage: Stage) -> None:
    port = stage.secured.port
    said = ask("echoscu", "-aet", "SECURE", "-aec", TITLE, HOST, port, fails=True)
    assert "Association Rejected" in said


@check(DCMTK, "echoscu", IT, "TLS without a certificate refused")
def echo_anonymous_refused(stage: Stage) -> None:
    words = ("+tla", "+cf", stage.authority / "ca.pem")
    done = run(need("echoscu", "dcmtk"), "-aet", "SECURE", "-aec", TITLE, *words, HOST,
               stage.secured.tls_port)  # fmt: skip
    assert done.returncode != 0


@check(DCMTK, "storescu", IT, "C-STORE over mutual TLS")
def store_tls(stage: Stage) -> str | None:
    with stage.files(KINDS["PR"]) as files:
        return _secure(stage, "storescu", *files)


@check(DCMTK, "findscu", IT, "C-FIND over mutual TLS")
def find_tls(stage: Stage) -> str | None:
    return _secure(stage, "findscu", "-S", *_wanted(stage))


@check(DCMTK, "movescu", IT, "C-MOVE over mutual TLS, to a storescp over TLS")
def move_tls(stage: Stage) -> str | None:
    assert stage.secured
    assert stage.loaded_securely
    stage.tls_receiver.forget()
    outcome = _secure(stage, "movescu", "-S", "-aem", "SECURE", *_wanted(stage))
    if outcome is None:
        stage.same_images(stage.tls_receiver.received())
    return outcome


@check(DCMTK, "getscu", IT, "C-GET over mutual TLS")
def get_tls(stage: Stage) -> str | None:
    return _secure(stage, "getscu", "-S", *_wanted(stage))


@check(DCMTK, "dcmsend", IT, "C-STORE over mutual TLS")
def send_tls(stage: Stage) -> str | None:
    with stage.files(KINDS["PR"]) as files:
        return _secure(stage, "dcmsend", *files)


# From us


@check(DCMTK, "storescp", WE, "C-ECHO")
def we_echo(stage: Stage) -> None:
    assert stage.hospital.ask("pacs", "echo", "hospital")["answers"] is True


@check(DCMTK, "storescp", WE, "C-STORE of images; byte for byte at max PDU 16384")
def we_store(stage: Stage) -> None:
    stage.same_images(stage.loaded, 4 * len(CASES))


@check(DCMTK, "storescp", WE, "C-ECHO over mutual TLS")
def we_echo_tls(stage: Stage) -> None:
    assert stage.secured.ask("pacs", "echo", "secure")["answers"] is True


@check(DCMTK, "storescp", WE, "C-STORE of images over mutual TLS; byte for byte at max PDU 131072")
def we_store_tls(stage: Stage) -> None:
    assert stage.secured
    stage.same_images(stage.loaded_securely, 4 * len(CASES))


@check(DCMTK, "dcmqrscp", WE, "C-ECHO, C-STORE, C-FIND: a load is ready")
def we_load(stage: Stage) -> None:
    folder, port = stage.folder / "dcmqrscp", free_port()
    (folder / "store").mkdir(parents=True)
    (folder / "dcmqrscp.cfg").write_text(
        f"""NetworkTCPPort = {port}
MaxPDUSize = 131072
MaxAssociations = 16
HostTable BEGIN
node = ({TITLE}, {HOST}, {stage.house.port})
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
DCMQRSCP {folder / "store"} RW (200, 1024mb) ANY
AETable END
"""
    )
    command = [need("dcmqrscp", "dcmtk"), "-c", folder / "dcmqrscp.cfg"]
    stage.start("dcmqrscp", command, port)
    stage.load("dcmqrscp", "DCMQRSCP", port)
    assert stage.house.ask("pacs", "echo", "dcmqrscp")["answers"] is True


@check(DCMTK, "dcmqrscp", WE, "C-GET: a case comes back as it was sent")
def we_get(stage: Stage) -> None:
    fetched(stage, "dcmqrscp")


@check(DCMTK, "dcmqrscp", WE, "C-MOVE to our node")
def we_move(stage: Stage) -> None:
    moved_to_us(stage, "dcmqrscp")


def fetched(stage: Stage, name: str) -> None:
    """Have a case back by C-GET."""
    folder = stage.folder / f"fetched-{name}"
    said = stage.house.ask("load", "fetch", CASES[1], name, folder)
    assert said["intact"], said
    assert len(said["images"]) == 4
    [answer] = said["answers"]
    assert (answer["status"], answer["arrived"]) == ("0000", 4)


def moved_to_us(stage: Stage, name: str) -> None:
    """Have a case sent to our node by C-MOVE."""
    said = stage.house.ask("load", "fetch", CASES[1], name, "--move", fails=True)
    [answer] = said["answers"]
    assert (answer["status"], answer["completed"], answer["failed"]) == ("0000", 4, 0), answer
