"""What the checks of the matrix share: one home, its node, and each peer started once."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from conformance.house import CASES, SET, TITLE, House, data_set
from conformance.programs import (
    HOST,
    NPM,
    ROOT,
    Running,
    free_port,
    listens,
    need,
    need_npm,
    run,
    wait_until,
)

CALLER = "CONFTEST"
STATE = "1.2.840.10008.5.1.4.1.1.11.1"
REPORT = "1.2.840.10008.5.1.4.1.1.88.33"
KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
KINDS = {"PR": STATE, "SR": REPORT, "KO": KEY_OBJECT}
ALIEN = "RX000417"


def a_data_set(sop_class: str, accession: str = CASES[1]) -> Dataset:
    """A small object about a case, with a sequence and a value of odd length in it."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.AccessionNumber, ds.PatientID, ds.PatientName = accession, "SYNTHETIC", "SYNTHETIC"
    ds.PatientBirthDate = ds.PatientSex = ""
    ds.StudyDate, ds.StudyTime, ds.StudyID = "20250101", "090000", "1"
    ds.Modality = next(name for name, uid in KINDS.items() if uid == sop_class)
    ds.SeriesNumber = ds.InstanceNumber = "1"
    # More than one PDU of either length; small and large objects are kept in different ways.
    ds.TextValue = "x" * (300_001 if sop_class == KEY_OBJECT else 200_001)
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "121", "DCM", "odd"
    ds.ConceptNameCodeSequence = [item]
    return ds


def a_file(
    folder: Path, sop_class: str, accession: str = CASES[1], *, implicit: bool = False
) -> Path:
    """Write such an object as a DICOM file; its name is its SOP Instance UID."""
    ds = a_data_set(sop_class, accession)
    meta = ds.file_meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def assert_same(ours: list[bytes], theirs: list[bytes]) -> None:
    """Hold data sets to one another without printing them."""
    assert [len(each) for each in ours] == [len(each) for each in theirs]
    assert all(a == b for a, b in zip(ours, theirs, strict=True)), "the bytes differ"


def uid_of(path: Path) -> str:
    """The SOP Instance UID in a file's name as DCMTK makes it: ``SRc.UID``, or bare."""
    return re.sub(r"^[A-Za-z]+\.", "", path.name)


@dataclass
class Receiver:
    """A storescp that writes what it receives bit by bit, in a folder."""

    folder: Path
    port: int

    def received(self) -> dict[str, bytes]:
        """The data sets by SOP Instance UID."""
        return {
            uid_of(path): data_set(path)
            for path in self.folder.iterdir()
            if not path.name.endswith(".part")
        }

    def forget(self) -> None:
        """Remove what was received."""
        for path in self.folder.iterdir():
            path.unlink()


@dataclass(eq=False)
class Stage:
    """One run of the matrix: peers start as they are first needed, and end with it."""

    folder: Path
    loaded_files: dict[str, Dataset] = field(default_factory=dict)
    _running: list[Running] = field(default_factory=list)
    _house: House | None = None

    def end(self) -> list[int]:
        """End all peers and the product; gives the exit statuses of its roles."""
        try:
            return self._house.end() if self._house is not None else []
        finally:
            for each in reversed(self._running):
                each.end()

    # The product

    @cached_property
    def house(self) -> House:
        """A home with a set of two cases, and its node with a port for TLS."""
        house = self._house = House(self._make("home"))
        images = self.folder / "images"

        def certify() -> None:
            house.command("certs", "make-ca", self.authority)
            house.command("certs", "issue", "secure", "--ca", self.authority, "--host", HOST)

        with ThreadPoolExecutor() as pool:
            steps = [
                pool.submit(house.command, "sandbox", "images", images, "--cases", 2),
                pool.submit(certify),
                pool.submit(house.command, "init"),
            ]
            for step in steps:
                step.result()
        house.command("certs", "issue", "node", "--ca", self.authority, "--host", HOST)
        house.command("case-set", "import", images, "--prefix", SET, "--partial")
        house.start("node")
        return house

    @cached_property
    def hospital(self) -> House:
        """The same, with a PACS that calls as CONFTEST, has the set, and receives it."""
        also = ("--calls-from", CALLER, "--calls-from", "GDCM")
        self.add_pacs("hospital", CALLER, self.receiver.port, *also)
        self.house.command("load", "start", SET, "hospital")
        self.house.start("jobs")
        return self.house

    @cached_property
    def authority(self) -> Path:
        """The folder of the authority for TLS."""
        return self.folder / "authority"

    @cached_property
    def secured(self) -> House:
        """The same, with a PACS that calls as SECURE, over TLS alone."""
        house, name = self.house, "secure"
        words = ("--tls", "--certificate", self.authority / f"{name}.pem")
        self.add_pacs(name, "SECURE", self.tls_receiver.port, *words)
        house.command("load", "start", SET, name)
        return house

    @property
    def key(self) -> tuple[Path, Path, Path]:
        """Key and certificate of the PACS that calls over TLS, and whom it trusts."""
        files = ("secure.key", "secure.pem", "ca.pem")
        return tuple(self.authority / name for name in files)  # type: ignore[return-value]

    def add_pacs(self, name: str, title: str, port: int, *words: object) -> None:
        """Register a PACS, unencrypted where nothing else is said."""
        how = words if "--tls" in words else ("--plain", *words)
        self.house.command(
            "pacs", "add", name, "--aet", title, "--host", HOST, "--port", port, *how
        )

    def load(self, name: str, title: str, port: int) -> dict[str, Any]:
        """Register a PACS, load the set into it and prove it there; gives the load's status."""
        self.add_pacs(name, title, port)
        said = self.hospital.ask("load", "start", SET, name, "--wait", 100)
        assert said["readiness"] == "ready", said
        return dict(said)

    @cached_property
    def loaded(self) -> dict[str, bytes]:
        """What the load into hospital brought there."""
        return self._brought("hospital", self.receiver)

    @cached_property
    def loaded_securely(self) -> dict[str, bytes]:
        """What the load into secure brought there."""
        return self._brought("secure", self.tls_receiver)

    def _brought(self, name: str, receiver: Receiver) -> dict[str, bytes]:
        house = self.hospital

        def is_there() -> bool:
            counts = house.ask("load", "status", SET, name)["instances"]
            return bool(counts["confirmed"] == counts["total"])

        wait_until(is_there, f"the load into {name}")
        brought = receiver.received()
        if name == "hospital":
            self.loaded_files = {uid_of(path): dcmread(path) for path in receiver.folder.iterdir()}
        receiver.forget()
        return brought

    def study(self, case: str = CASES[1]) -> str:
        """The Study Instance UID of a case."""
        return self._studies[case]

    @cached_property
    def _studies(self) -> dict[str, str]:
        """Found by asking the node, as any PACS would."""
        folder = self._make("studies")
        self.find(folder, "STUDY", "AccessionNumber", "StudyInstanceUID")
        answers = [dcmread(path) for path in folder.glob("rsp*.dcm")]
        return {str(each.AccessionNumber): str(each.StudyInstanceUID) for each in answers}

    def find(self, folder: Path, level: str, *keys: str, model: str = "-S") -> None:
        """Ask the node with findscu; the answers lie in the folder."""
        words = [word for key in (f"QueryRetrieveLevel={level}", *keys) for word in ("-k", key)]
        done = run(
            need("findscu", "dcmtk"), model, "-X", "-od", folder, "-aet", CALLER, "-aec", TITLE,
            HOST, self.hospital.port, *words,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    # The peers

    @cached_property
    def receiver(self) -> Receiver:
        """What hospital receives with: PDUs of 16384 bytes."""
        return self._storescp("received", "--max-pdu", 16384)

    @cached_property
    def reference(self) -> Receiver:
        """Where a peer sends to, to see what it puts on the wire."""
        return self._storescp("reference", "--max-pdu", 131072)

    @cached_property
    def tls_receiver(self) -> Receiver:
        """What secure receives with: over TLS, PDUs of 131072 bytes."""
        assert self.house  # it has the certificates made
        key, certificate, authority = self.key
        return self._storescp(
            "received-tls", "--max-pdu", 131072, "+tls", key, certificate, "+cf", authority
        )

    def _storescp(self, name: str, *options: object) -> Receiver:
        folder, port = self._make(name), free_port()
        command = [need("storescp", "dcmtk"), "+B", "-od", folder, *options, port]
        self.start(name, command, port)
        return Receiver(folder, port)

    def start(self, name: str, command: list[object], port: int, **how: Any) -> None:
        """Start a peer, and wait until it listens."""
        log = self.folder / f"{name}.log"
        self._running.append(Running(command, log=log, is_up=listens(port), **how))

    def dcmjs(self, **job: Any) -> dict[str, Any]:
        """Have dcmjs-dimse ask something; gives what it heard."""
        package = need_npm("dcmjs-dimse")
        job = {"host": HOST, "calling": CALLER, "called": TITLE, **job}
        script = ROOT / "conformance" / "dcmjs_peer.js"
        done = run("node", script, package, json.dumps(job, default=str))
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def start_dcmjs(self, port: int, **job: Any) -> None:
        """Have dcmjs-dimse serve."""
        package = need_npm("dcmjs-dimse")
        script = ROOT / "conformance" / "dcmjs_peer.js"
        job = {"do": "serve", "host": HOST, "port": port, **job}
        self.start("dcmjs", ["node", script, package, json.dumps(job, default=str)], port)

    def pynetdicom(self, app: str, *words: object) -> Any:
        """Run one of pynetdicom's own programs."""
        return run(sys.executable, "-m", "pynetdicom", app, *words)

    def start_pynetdicom(self, app: str, port: int, *words: object, **how: Any) -> None:
        """Have one of pynetdicom's own programs serve."""
        self.start(app, [sys.executable, "-m", "pynetdicom", app, *words], port, **how)

    # What was sent

    @contextmanager
    def files(self, *sop_classes: str, **how: Any) -> Iterator[list[Path]]:
        """New files about a case, one of each kind."""
        folder = self._make("files")
        yield [a_file(folder, uid, **how) for uid in sop_classes or KINDS.values()]

    def same_bytes(self, files: list[Path], sends: Any) -> None:
        """Hold the archive to what a peer put on the wire.

        The peer sends the same files twice: to a receiver that keeps every bit, and to us.
        """
        uids = [path.stem for path in files]
        self.reference.forget()
        sends(self.reference.port, files)
        sent = self.reference.received()
        assert sorted(sent) == sorted(uids)
        sends(self.hospital.port, files)
        wait_until(lambda: all(map(self.house.archived, uids)), "the archive to have all")
        for uid in uids:
            assert_same(self.house.archived(uid), [sent[uid]])

    def image_comes_back(self, sends: Any) -> None:
        """Hold the archive to an image of a case that a peer sends us, with a comment added.

        The peer sends it twice, as in `same_bytes`. The bytes are the peer's, beside our own.
        """
        assert self.loaded
        uid = next(iter(self.loaded))
        folder = self._make("changed")
        path = folder / f"{uid}.dcm"
        image = self.loaded_files[uid]
        image.ImageComments = generate_uid()
        image.save_as(path, enforce_file_format=True)
        self.reference.forget()
        sends(self.reference.port, [path])
        [sent] = self.reference.received().values()
        assert sent not in self.house.archived(uid)
        sends(self.hospital.port, [path])
        wait_until(lambda: sent in self.house.archived(uid), "the image to be kept as it was sent")

    def same_images(self, received: dict[str, bytes], count: int = 4) -> None:
        """Hold images that went out to the archive, which may hold what came back beside them."""
        assert len(received) == count
        for uid, data in received.items():
            assert any(data == each for each in self.house.archived(uid)), "the bytes differ"

    def _make(self, name: str) -> Path:
        made = self.folder / name
        made.mkdir(exist_ok=True)
        return made


__all__ = ["ALIEN", "CALLER", "CASES", "HOST", "KINDS", "NPM", "SET", "Stage", "free_port",
           "listens", "wait_until"]  # fmt: skip
