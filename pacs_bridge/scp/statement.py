"""The conformance statement, made from the tables that the node runs on.

References
----------
PS3.2 annex N, the template for conformance statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from string import Template

import pacs_bridge
from pacs_bridge.domain.commitment import MOST_REFERENCES
from pacs_bridge.domain.query import ATTRIBUTES, Level
from pacs_bridge.scp.commitment import MEANINGS as COMMITTING
from pacs_bridge.scp.commitment import REPORTED_REASONS
from pacs_bridge.scp.contexts import (
    COMMITMENT,
    EVIDENCE,
    GIVEN,
    NAMES,
    QUERIED,
    REPORTED,
    VERIFICATION,
)
from pacs_bridge.scp.retrieve import MEANINGS as RETRIEVING
from pacs_bridge.scp.status import MEANINGS
from pacs_bridge.services.query import MOST_MATCHES
from pacs_bridge.services.receive_image import MOST_CONTENTS
from pacs_bridge.upper_layer.contract import BOUNDS, Bounds
from pacs_bridge.upper_layer.identity import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    MAXIMUM_PDU,
)

_ASKED = frozenset(f"1.2.840.10008.5.1.4.1.2.2.{service}" for service in (1, 2, 3))
"""The model in which we ask, ourselves: Study Root, C-FIND, C-MOVE and C-GET."""


@dataclass(frozen=True)
class Running:
    """What of a statement depends on the configuration."""

    ae_title: str = "PACSBRIDGE"
    port: int = 11112
    bounds: Bounds = BOUNDS


def write_statement(running: Running) -> str:
    """Write the statement of a configuration, as Markdown."""
    template = resources.files("pacs_bridge.scp").joinpath("statement.md").read_text("utf-8")
    bounds = running.bounds
    return Template(template).substitute(
        version=pacs_bridge.__version__,
        ae_title=running.ae_title,
        port=running.port,
        overview="\n".join(
            f"| {name} | {uid} | {'Yes' if uid == VERIFICATION or uid in GIVEN else 'No'} | Yes |"
            for uid, name in (NAMES | GIVEN | EVIDENCE).items()
        ),
        contexts="\n".join(f"| {name} | `{uid}` |" for uid, name in NAMES.items()),
        queried="\n".join(
            f"| {name} | `{uid}` | {'Yes' if uid in _ASKED else 'No'} | Yes |"
            for uid, name in QUERIED.items()
        ),
        reported="\n".join(
            f"| {name} | `{uid}` | {'Yes' if uid == COMMITMENT else 'No'} | Yes |"
            for uid, name in REPORTED.items()
        ),
        reported_statuses="\n".join(
            f"| {code:04X} | {text} |" for code, text in sorted(COMMITTING.items())
        ),
        failure_reasons="\n".join(
            f"| {code:04X} | {text} |" for code, text in REPORTED_REASONS.items()
        ),
        most_references=MOST_REFERENCES,
        keys="\n".join(f"| {level.name} | {_keys_of(level)} |" for level in Level),
        most_matches=MOST_MATCHES,
        given="\n".join(f"| {name} | `{uid}` |" for uid, name in GIVEN.items()),
        evidence="\n".join(f"| {name} | `{uid}` |" for uid, name in EVIDENCE.items()),
        most_contents=MOST_CONTENTS,
        query_statuses="\n".join(f"| {code:04X} | {text} |" for code, text in RETRIEVING.items()),
        statuses="\n".join(f"| {code:04X} | {text} |" for code, text in MEANINGS.items()),
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        maximum_pdu=MAXIMUM_PDU,
        negotiation_seconds=f"{bounds.negotiation_seconds:g}",
        pdu_seconds=f"{bounds.pdu_seconds:g}",
        idle_seconds=f"{bounds.idle_seconds:g}",
        associations=bounds.associations,
        object_megabytes=bounds.object_bytes >> 20,
        streamed_megabytes=bounds.streamed_bytes >> 20,
    )


def _keys_of(level: Level) -> str:
    tags = sorted(each.tag for each in ATTRIBUTES.values() if each.level is level)
    return ", ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in tags)
