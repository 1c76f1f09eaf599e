"""The built-in scoring server: the contract of DESIGN.md 4 over its own small SQLite file."""

from __future__ import annotations

from pacs_bridge.scoring.server.app import close_app, create_app
from pacs_bridge.scoring.server.config import ScorerConfig
from pacs_bridge.scoring.server.serving import ScoringServer, serve

__all__ = ["ScorerConfig", "ScoringServer", "close_app", "create_app", "serve"]
