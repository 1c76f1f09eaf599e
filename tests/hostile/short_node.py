"""The node's own command with short deadlines: ``python -m tests.hostile.short_node node …``."""

from __future__ import annotations

from dataclasses import replace

from pacs_bridge.__main__ import main
from pacs_bridge.config import NodeConfig
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.wiring import node

PDU_SECONDS, NEGOTIATION_SECONDS = 2.0, 2.5
_bounds_of = node.bounds_of


def short_bounds(config: NodeConfig) -> Bounds:
    """What the settings ask for, but nobody is waited for as long as in a hospital."""
    return replace(
        _bounds_of(config), pdu_seconds=PDU_SECONDS, negotiation_seconds=NEGOTIATION_SECONDS
    )


if __name__ == "__main__":
    node.bounds_of = short_bounds
    main()
