"""What the jobs need for sending loads: associations side by side, and copies in other forms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_bridge.services.commit_load import commit_load, queue_commitment
from pacs_bridge.services.plan import wait_for_window
from pacs_bridge.services.send_lanes import Lanes
from pacs_bridge.wiring.commitment import build_committer
from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.archive.copies import Copies, CopyRequest

COPY_SECONDS = 120
"""How long a copy of one object may take; breast tomosynthesis has a hundred frames."""


def make_copy(asked: CopyRequest) -> str:
    """Make a copy and give the hash of its pixels; runs in a limited child process."""
    from pydicom import dcmread

    from pacs_bridge.archive.transcode import transcode
    from pacs_bridge.deid.pixels import pixel_hash
    from pacs_bridge.deid.values import tolerant_reading

    with tolerant_reading():
        transcode(asked.source, asked.target, asked.syntax)
        return pixel_hash(dcmread(asked.target))


def build_copies(installation: Installation) -> Copies:
    """Join what makes copies of archived images in other transfer syntaxes, without loss."""
    from pacs_bridge.archive.copies import Copies
    from pacs_bridge.archive.transcode import forms_here
    from pacs_bridge.jobs.limits import LimitedReader

    maker = LimitedReader(make_copy, wall_seconds=COPY_SECONDS, cpu_seconds=COPY_SECONDS)
    return Copies(installation.config.home / "copies", maker, forms=forms_here())


def sending_options(installation: Installation) -> dict[str, Any]:
    """Join what `services.send.send_next` may have beside the rest."""
    copies = build_copies(installation)

    def forget(load_id: int) -> None:
        copies.forget(load_id)
        installation.archive.forget_unused()

    return {
        "lanes": Lanes(installation.now),
        "convert": copies.of,
        "forget": forget,
    }


def sending_jobs(installation: Installation) -> dict[str, Callable[..., Any]]:
    """Join what the jobs call around sending."""
    begin, now = installation.begin, installation.now
    return {
        "wait_for_window": partial(wait_for_window, begin=begin, now=now),
        "ask_to_commit": partial(queue_commitment, begin=begin),
        "commit_load": partial(
            commit_load, begin=begin, peer=build_committer(installation), now=now
        ),
    }
