"""A real Orthanc for a test: ``with running_orthanc(tmp_path) as pacs``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pacs_bridge.sandbox.orthanc import Modality, Orthanc, OrthancConfig
from tests.peers import need


@contextmanager
def running_orthanc(
    folder: Path,
    *modalities: Modality,
    ae_title: str = "HOSPITAL",
    forward_to: str | None = None,
    **settings: Any,
) -> Iterator[Orthanc]:
    """Start Orthanc on free ports with its storage in `folder`, and kill it afterwards.

    Killed, because its orderly end takes four seconds and the folder is the test's own.
    Skips where Orthanc is not installed (fails under CI). `settings` are Orthanc's own.
    """
    need("Orthanc", "orthanc")
    config = OrthancConfig(
        folder=folder,
        ae_title=ae_title,
        modalities=modalities,
        forward_to=forward_to,
        settings=settings,
    )
    orthanc = Orthanc(config).start()
    try:
        yield orthanc
    finally:
        orthanc.kill()
