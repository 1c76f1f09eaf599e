"""In which phase a conversation with a PACS fails, and what a person does then.

Every failure names one of these, outwards and inwards: on the command line, in loads, in events,
in what the doctor finds, in the notes of associations.
"""

from __future__ import annotations

ADVICE = {
    "name": "Check the host name, or register the PACS by its address.",
    "connect": "Check host and port, that the PACS is running, and the firewalls between.",
    "TLS": "See `pacs-bridge certs list`, and have the PACS trust our certificate.",
    "association": "Have the PACS allow our AE title, {ours}, and check its own, {theirs}.",
    "command": "The PACS hung up: look into its log.",
    "data": "The PACS stopped reading: look into its log.",
    "answer": "The PACS took the question and gave no good answer: look into its log.",
}
"""What to do, by phase, in the order in which they come; docs/phases.md says more."""

WEB_ADVICE = {
    "name": "Check the host name in the address of its DICOMweb service.",
    "connect": "Check the address, that the service is running, and the firewalls between.",
    "TLS": "Have it show a certificate that fits its name, and give its authority with --ca.",
    "association": "Check the address up to /studies, and have it take our credentials.",
    "data": "It stopped reading, or sent what it should not: look into its log, and the proxy's.",
    "answer": "It took the question and gave no good answer: look into its log.",
}
"""The same for a PACS that is spoken to by DICOMweb; there is no phase ``command``."""


def at_phase(phase: str) -> str:
    """Name a phase behind what is said of a failure."""
    return f"(failed at: {phase})"
