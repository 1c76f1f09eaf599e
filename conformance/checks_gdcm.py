"""GDCM's gdcmscu, towards the node. GDCM has no server.

gdcmscu 3.0.21 ends in an exception after every release, towards any peer ("ProtocolStream as
nullptr"): what it heard before that counts, not its exit status.
"""

from __future__ import annotations

import re
from pathlib import Path

from conformance.house import CASES, TITLE
from conformance.matrix import IT, NOT_OFFERED, check
from conformance.programs import HOST, need, run
from conformance.stage import ALIEN, CALLER, KINDS, Stage, free_port

GDCM = "GDCM"
WHO = ("--aetitle", CALLER, "--call", TITLE)
ECHO, STORE, FIND = 0x8030, 0x8001, 0x8020
PENDING = (0xFF00, 0xFF01)


def ask(port: int, operation: str, *words: object, who: tuple[str, ...] = WHO) -> str:
    """Run gdcmscu; gives all it prints."""
    done = run(need("gdcmscu", "libgdcm-tools"), "-D", operation, *who, HOST, port, *words)
    return done.stderr + done.stdout


def heard(said: str) -> list[tuple[int, int]]:
    """The command field and status of each answer, in what it printed."""
    answers = re.findall(
        r"\(0000,0100\) \S+ \(US\) (\d+).*?\(0000,0900\) \S+ \(US\) (\d+)", said, re.DOTALL
    )
    return [(int(field), int(status)) for field, status in answers]


@check(GDCM, "gdcmscu", IT, "C-ECHO")
def echo(stage: Stage) -> None:
    assert set(heard(ask(stage.hospital.port, "--echo"))) == {(ECHO, 0)}


@check(GDCM, "gdcmscu", IT, "unknown caller refused")
def stranger(stage: Stage) -> None:
    said = ask(stage.hospital.port, "--echo", who=("--aetitle", "STRANGER", "--call", TITLE))
    assert heard(said) == []


def store(port: int, files: list[Path]) -> None:
    for file in files:
        assert (STORE, 0) in heard(ask(port, "--store", file))


@check(GDCM, "gdcmscu", IT, "C-STORE of SR, PR, KO; byte for byte at its own PDU length")
def stores(stage: Stage) -> None:
    with stage.files() as files:
        stage.same_bytes(files, store)


@check(GDCM, "gdcmscu", IT, "C-STORE of a changed image of ours; byte for byte")
def stores_image(stage: Stage) -> None:
    stage.image_comes_back(store)


@check(GDCM, "gdcmscu", IT, "C-STORE in Implicit VR Little Endian; byte for byte")
def stores_implicit(stage: Stage) -> None:
    with stage.files(implicit=True) as files:
        stage.same_bytes(files, store)


@check(GDCM, "gdcmscu", IT, "object of no case of ours refused with 0124")
def alien(stage: Stage) -> None:
    with stage.files(KINDS["SR"], accession=ALIEN) as [file]:
        assert (STORE, 0x0124) in heard(ask(stage.hospital.port, "--store", file))


def _find(stage: Stage, *words: object) -> int:
    """Ask; gives how many matches came. gdcmscu prints each answer more than once."""
    statuses = [
        status
        for field, status in heard(ask(stage.hospital.port, "--find", *words))
        if field == FIND
    ]
    assert statuses.count(0) > 0, statuses
    return sum(status in PENDING for status in statuses) // statuses.count(0)


@check(GDCM, "gdcmscu", IT, "C-FIND Study Root: study, series")
def find_study_root(stage: Stage) -> None:
    study = ("--key", f"20,d={stage.study()}")
    case = ("--key", f"8,50={CASES[1]}", "--key", "20,d=")
    assert _find(stage, "--studyroot", "--study", *case) == 1
    assert _find(stage, "--studyroot", "--series", *study, "--key", "20,e=") == 4


@check(GDCM, "gdcmscu", IT, "C-FIND Patient Root: patient, study, series")
def find_patient_root(stage: Stage) -> None:
    patient = ("--key", f"10,20={CASES[1]}")
    study = ("--key", f"20,d={stage.study()}")
    root = "--patientroot"
    assert _find(stage, root, "--patient", "--key", "10,20=PERFORMS*") == len(CASES)
    assert _find(stage, root, "--study", *patient, "--key", "20,d=") == 1
    assert _find(stage, root, "--series", *patient, *study, "--key", "20,e=") == 4


@check(GDCM, "gdcmscu", IT, "C-MOVE Study Root, to its own port")
def move(stage: Stage) -> None:
    """Ask twice at most: gdcmscu listens on its port only after it has asked, and may miss us.

    It listens for a second, reads our first answer, and listens for one more, with nobody there
    between. The node calls it again for five seconds, which also serves one that is three late.
    """
    came = [_moved(stage, stage.folder / "gdcm-moved")]
    if came != [4]:
        came.append(_moved(stage, stage.folder / "gdcm-moved-again"))
    assert came[-1] == 4, came


def _moved(stage: Stage, folder: Path) -> int:
    """How many files it has of a study that it asked for."""
    port = free_port()
    folder.mkdir()
    stage.hospital.command("pacs", "change", "hospital", "--role", "retrieve", "--aet", "GDCM",
                           "--host", HOST, "--port", port)  # fmt: skip
    ask(stage.hospital.port, "--move", "--studyroot", "--study", "--key", f"20,d={stage.study()}",
        "-o", folder, "--port-scp", port, who=("--aetitle", "GDCM", "--call", TITLE))  # fmt: skip
    return len(list(folder.iterdir()))


@check(GDCM, "gdcmscu", IT, "C-GET")
def get(stage: Stage) -> str | None:
    said = ask(stage.hospital.port, "--get")  # its help names it
    return NOT_OFFERED if heard(said) == [] else None


@check(GDCM, "gdcmscu", IT, "mutual TLS")
def tls(_stage: Stage) -> str | None:
    said = run(need("gdcmscu", "libgdcm-tools"), "--help").stdout
    return NOT_OFFERED if "tls" not in said.lower() else None
