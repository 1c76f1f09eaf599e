"""How an image lies in the patient, by the header of the image as it was loaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from pacs_bridge.db.unit_of_work import Begin

Lying = Callable[[str], tuple[str, ...]]
"""Gives Patient Orientation of an image by its SOP Instance UID; empty where it is not known."""

_KEPT = 4096


def read_lying(*, begin: Begin, find: Callable[[str], Path]) -> Lying:
    """Make what tells how images lie; what was read once is kept.

    Parameters
    ----------
    find : callable
        Gives the file of the archive with a content hash.
    """

    @lru_cache(_KEPT)
    def read(sop_instance_uid: str) -> tuple[str, ...]:
        with begin() as uow:
            content_hash = uow.images.master(sop_instance_uid)
        if content_hash is None:
            raise FileNotFoundError(sop_instance_uid)
        return orientation_in(find(content_hash))

    def lying(sop_instance_uid: str) -> tuple[str, ...]:
        try:
            return read(sop_instance_uid)
        except OSError:  # it has left us, and may come back
            return ()

    return lying


def orientation_in(path: Path) -> tuple[str, ...]:
    """Read Patient Orientation out of a file; empty where it says nothing that can be read."""
    from pydicom import dcmread

    from pacs_bridge.deid.values import tolerant_reading

    with tolerant_reading():
        try:
            ds = dcmread(path, stop_before_pixels=True, specific_tags=["PatientOrientation"])
            said = ds.get("PatientOrientation") or ()
        except OSError:
            raise
        except Exception:  # noqa: BLE001  parsers raise anything; it is shown as it is stored
            return ()
    return (said,) if isinstance(said, str) else tuple(map(str, said))
