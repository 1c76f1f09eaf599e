"""The table of what the node offers as SCP; nothing outside it is ever negotiated.

References
----------
PS3.4 annex A (Verification), annex B (Storage), B.5 (standard SOP classes); PS3.5 annex A.
The conformance statement is tested against this table.
"""

from __future__ import annotations

from pacs_bridge.upper_layer.contract import Context
from pacs_bridge.upper_layer.prescan import EXPLICIT, IMPLICIT

VERIFICATION = "1.2.840.10008.1.1"
_STORAGE = "1.2.840.10008.5.1.4.1.1."

NAMES = {
    VERIFICATION: "Verification",
    _STORAGE + "11.1": "Grayscale Softcopy Presentation State",
    _STORAGE + "11.2": "Color Softcopy Presentation State",
    _STORAGE + "11.3": "Pseudo-Color Softcopy Presentation State",
    _STORAGE + "11.4": "Blending Softcopy Presentation State",
    _STORAGE + "11.5": "XA/XRF Grayscale Softcopy Presentation State",
    _STORAGE + "11.6": "Grayscale Planar MPR Volumetric Presentation State",
    _STORAGE + "11.7": "Compositing Planar MPR Volumetric Presentation State",
    _STORAGE + "11.8": "Advanced Blending Presentation State",
    _STORAGE + "11.9": "Volume Rendering Volumetric Presentation State",
    _STORAGE + "11.10": "Segmented Volume Rendering Volumetric Presentation State",
    _STORAGE + "11.11": "Multiple Volume Rendering Volumetric Presentation State",
    _STORAGE + "11.12": "Variable Modality LUT Softcopy Presentation State",
    _STORAGE + "88.11": "Basic Text SR",
    _STORAGE + "88.22": "Enhanced SR",
    _STORAGE + "88.33": "Comprehensive SR",
    _STORAGE + "88.34": "Comprehensive 3D SR",
    _STORAGE + "88.35": "Extensible SR",
    _STORAGE + "88.50": "Mammography CAD SR",
    _STORAGE + "88.59": "Key Object Selection Document",
}
"""Every SOP class that is offered, with the name the standard gives it (PS3.6 annex A)."""

TRANSFER_SYNTAXES = (EXPLICIT, IMPLICIT)
"""Never deflated (it inflates without a bound) and never big endian (retired)."""

_MODELS = "1.2.840.10008.5.1.4.1.2."

WORKLIST = "1.2.840.10008.5.1.4.31"

QUERIED = {
    f"{_MODELS}{model}.{service}": f"{root} Root Query/Retrieve Information Model - {name}"
    for model, root in ((1, "Patient"), (2, "Study"))
    for service, name in ((1, "FIND"), (2, "MOVE"), (3, "GET"))
} | {WORKLIST: "Modality Worklist Information Model - FIND"}
"""The models in which the case sets loaded into a PACS may be asked for (PS3.4 C.6)."""

GIVEN = {
    _STORAGE + "1.2": "Digital Mammography X-Ray Image - For Presentation",
    _STORAGE + "1.2.1": "Digital Mammography X-Ray Image - For Processing",
    _STORAGE + "13.1.3": "Breast Tomosynthesis Image",
}
"""What a C-GET gives back, and a C-STORE may bring back: of an image whose UID stands in a passport
of a set that was loaded into the PACS that sends it, and of no other."""

EVIDENCE = {
    _STORAGE + "7": "Secondary Capture Image",
    _STORAGE + "7.1": "Multi-frame Single Bit Secondary Capture Image",
    _STORAGE + "7.2": "Multi-frame Grayscale Byte Secondary Capture Image",
    _STORAGE + "7.3": "Multi-frame Grayscale Word Secondary Capture Image",
    _STORAGE + "7.4": "Multi-frame True Color Secondary Capture Image",
    _STORAGE + "104.1": "Encapsulated PDF",
}
"""What is kept for a person to look at where it names a case of ours."""

COMMITMENT = "1.2.840.10008.1.20.1"
REPORTED = {
    COMMITMENT: "Storage Commitment Push Model",
    "1.2.840.10008.5.1.4.33": "Instance Availability Notification",
}
"""What is asked and told about many objects at once (PS3.4 annexes J and R)."""

_LOSSLESS = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (70, 57, 80, 90, 201, 202))
_JPEG = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91))
_HTJ2K = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))
GIVEN_SYNTAXES = (*TRANSFER_SYNTAXES, *_JPEG, *_HTJ2K)
"""Those that a case set may be archived in; an image goes out in its own and in no other."""

IMAGE_SYNTAXES = tuple(dict.fromkeys((*_LOSSLESS, *GIVEN_SYNTAXES)))
"""The same as they are taken in: what loses nothing first, as a sender that proposes it beside an
uncompressed one has it so and would only decompress it; what loses something last, as a sender
might compress for it."""

EVIDENCE_SYNTAXES = (*IMAGE_SYNTAXES, "1.2.840.10008.1.2.5")
"""Pictures of a screen may be run length encoded too."""

STORED = frozenset(NAMES) - {VERIFICATION}
"""What a C-STORE may bring of what readers marked: taken whole where small, else in pieces."""

STREAMED = frozenset(GIVEN) | frozenset(EVIDENCE)
"""What a C-STORE may bring that goes to the disk while it arrives."""

SUPPORTED = (
    *(Context(uid, TRANSFER_SYNTAXES) for uid in (*NAMES, *QUERIED)),
    *(
        Context(uid, GIVEN_SYNTAXES, requestor_may_be_scp=True, taken_in=IMAGE_SYNTAXES)
        for uid in GIVEN
    ),
    *(Context(uid, EVIDENCE_SYNTAXES) for uid in EVIDENCE),
    # a PACS that reports on a commitment is its SCP, on an association that it requests
    *(Context(uid, TRANSFER_SYNTAXES, requestor_may_be_scp=uid == COMMITMENT) for uid in REPORTED),
)
