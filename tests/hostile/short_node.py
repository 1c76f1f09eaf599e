"""The node's own command in other ways: ``python -m tests.hostile.short_node node …``.

The environment's TEST_NODE_WAYS says which: ``hurried`` has short deadlines, ``patient`` such as
no busy machine exceeds, ``portable`` does without the calls that only some systems have.
"""

from __future__ import annotations

import os
from dataclasses import replace

from pacs_bridge.__main__ import main
from pacs_bridge.config import NodeConfig
from pacs_bridge.upper_layer import wire
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.wiring import node

WAYS = "TEST_NODE_WAYS"
PDU_SECONDS, NEGOTIATION_SECONDS = 3.0, 4.0
PATIENCE = 240.0
_bounds_of = node.bounds_of


def short_bounds(config: NodeConfig) -> Bounds:
    """What the settings ask for, but nobody is waited for as long as in a hospital."""
    return replace(
        _bounds_of(config), pdu_seconds=PDU_SECONDS, negotiation_seconds=NEGOTIATION_SECONDS
    )


def long_bounds(config: NodeConfig) -> Bounds:
    """What the settings ask for, but nobody is cut for being slow."""
    return replace(_bounds_of(config), pdu_seconds=PATIENCE, negotiation_seconds=PATIENCE)


if __name__ == "__main__":
    if "patient" in os.environ[WAYS]:
        node.bounds_of = long_bounds
    if "hurried" in os.environ[WAYS]:
        node.bounds_of = short_bounds
    if "portable" in os.environ[WAYS]:
        wire.CAN_GATHER = False
        wire._QUICKACK = None
    main()
