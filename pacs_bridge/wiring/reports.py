"""What keeps readings as documents of the standard."""

from __future__ import annotations

from pacs_bridge.services.reports import Keeper
from pacs_bridge.wiring.case_sets import UID_KEY
from pacs_bridge.wiring.installation import Installation


def build_keeper(installation: Installation) -> Keeper:
    """Join what writes and keeps the reports of an installation."""
    return Keeper(
        installation.begin,
        installation.archive,
        installation.now,
        installation.config.secret(UID_KEY),
        look=installation.read,
    )
