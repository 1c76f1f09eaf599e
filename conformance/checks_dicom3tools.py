"""dicom3tools: none of its programs speaks over the network; said by its list of files."""

from __future__ import annotations

import re

from conformance.matrix import IT, NOT_OFFERED, check
from conformance.programs import need, run
from conformance.stage import Stage


@check("dicom3tools", "none", IT, "any network service")
def network(_stage: Stage) -> str | None:
    need("dciodvfy", "dicom3tools")
    programs = re.findall(r"/bin/(\S+)", run("dpkg", "-L", "dicom3tools").stdout)
    speaking = [name for name in programs if re.search(r"sc[up]$|send|echo|net", name)]
    assert len(programs) > 10
    return None if speaking else NOT_OFFERED
