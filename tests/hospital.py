"""The sandbox PACS in this process, and small objects for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_context

from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.ports import Sendable, StoreAnswer
from pacs_bridge.sandbox.association import request_association, settle_library
from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig
from pacs_bridge.scu.store import store
from tests.mammograms import ROOT, a_mammogram, write

STORAGE = "1.2.840.10008.5.1.4.1.1."
STATE, REPORT, KEY_OBJECT = STORAGE + "11.1", STORAGE + "88.33", STORAGE + "88.59"
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2."


@contextmanager
def a_hospital(store: Path | None = None, **settings: Any) -> Iterator[SandboxPacs]:
    """Run the sandbox PACS under the title HOSPITAL."""
    with SandboxPacs(SandboxPacsConfig("HOSPITAL", store=store, **settings)) as pacs:
        yield pacs


def a_mark(number: int, sop_class: str = STATE, *, study: int = 1) -> Dataset:
    """Something a reader saved; only as much of it as a PACS looks at."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{ROOT}.{study}.7.{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}.{study}", f"{ROOT}.{study}.7"
    ds.Modality = {STATE: "PR", REPORT: "SR", KEY_OBJECT: "KO"}[sop_class]
    ds.AccessionNumber, ds.PatientID = f"RVX{study:07d}", f"94347651{study:02d}"
    ds.PatientName = "Winterbottom^Ermintrude"
    return ds


def marks(folder: Path, count: int) -> list[Path]:
    """Write presentation states, reports and key objects in turn."""
    kinds = (STATE, REPORT, KEY_OBJECT)
    return [write(a_mark(n, kinds[n % 3]), folder / f"{n:04d}.dcm") for n in range(1, count + 1)]


def four_views(folder: Path, study: int = 1, syntax: str = ExplicitVRLittleEndian) -> list[Path]:
    """Write a woman's four views."""
    views = [("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")]
    return [
        write(a_mammogram(*view, study=study, image=n), folder / f"{study}-{n}.dcm", syntax)
        for n, view in enumerate(views, 1)
    ]


def send(pacs: SandboxPacs, *datasets: Dataset, folder: Path) -> list[StoreAnswer]:
    """Send data sets with our own C-STORE; gives every answer."""
    settle_library()
    endpoint = Endpoint("HOSPITAL", "127.0.0.1", pacs.port, ("store", "query"))
    sendables = [
        Sendable(
            write(ds, folder / f"{n}.dcm"),
            str(ds.SOPClassUID),
            str(ds.SOPInstanceUID),
            str(ExplicitVRLittleEndian),
        )
        for n, ds in enumerate(datasets)
    ]
    return list(store(Pacs("hospital", (endpoint,), plain=True), sendables))


def status_of(pacs: SandboxPacs, operation: str, level: str, **keys: str) -> int | None:
    """Ask C-FIND (1), C-MOVE (2) or C-GET (3) in the Study Root; gives the final status.

    None where the PACS broke off.
    """
    settle_library()
    model, query = STUDY_ROOT + operation, Dataset()
    query.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    contexts = [build_context(model)]
    association = request_association(AE("TEST"), "127.0.0.1", pacs.port, "HOSPITAL", contexts)
    ask = {
        "1": lambda: association.send_c_find(query, model),
        "2": lambda: association.send_c_move(query, "NOBODY", model),
        "3": lambda: association.send_c_get(query, model),
    }
    statuses = [status.get("Status") for status, _ in ask[operation]()]
    if association.is_established:
        association.release()
    return statuses[-1]
