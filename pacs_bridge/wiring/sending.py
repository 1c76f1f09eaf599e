"""What the jobs need for sending loads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pacs_bridge.services.plan import wait_for_window
from pacs_bridge.services.send_lanes import Lanes
from pacs_bridge.wiring.installation import Installation


def sending_options(installation: Installation) -> dict[str, Any]:
    """Join what `services.send.send_next` may have beside the rest."""
    return {"lanes": Lanes(installation.now)}


def sending_jobs(installation: Installation) -> dict[str, Callable[..., Any]]:
    """Join what the jobs call around sending."""
    begin, now = installation.begin, installation.now
    return {"wait_for_window": partial(wait_for_window, begin=begin, now=now)}
