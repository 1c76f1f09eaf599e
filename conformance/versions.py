"""Which versions of the peers a run spoke with."""

from __future__ import annotations

import json
from importlib.metadata import version

from conformance.programs import NPM, version_of


def versions() -> dict[str, str]:
    """Peer to version; those that are not here are left out."""
    found = {
        "DCMTK": version_of("echoscu", r"v(\d+\.\d+\.\d+)"),
        "GDCM": version_of("gdcmscu", r"gdcm (\d+\.\d+\.\d+)"),
        "Orthanc": version_of("Orthanc", r"Orthanc (\d+\.\d+\.\d+)"),
        "pynetdicom": version("pynetdicom"),
    }
    package = NPM / "dcmjs-dimse" / "package.json"
    if package.is_file():
        found["dcmjs-dimse"] = str(json.loads(package.read_text())["version"])
    return {peer: said for peer, said in found.items() if said}
