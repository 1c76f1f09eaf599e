"""``results export --format sr``: every closed reading as a report of the standard."""

from __future__ import annotations

from pathlib import Path

from pacs_bridge.cli.terminal import open_home, say, warn


def write_reports(home: Path | None, set_name: str, folder: Path) -> None:
    """Write a set's readings into a folder and say how many; refusals end in exit 1."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.domain.identifiers import SetName
    from pacs_bridge.services.canonical import export_readings
    from pacs_bridge.wiring.case_sets import UID_KEY

    installation = open_home(home)
    done = export_readings(
        SetName.parse(set_name),
        folder,
        read=installation.read,
        archive=installation.archive,
        key_uid=installation.config.secret(UID_KEY),
    )
    say(f"{len(done.written)} reports written.")
    for reading, why in done.refused:
        warn(f"{reading}: {why}")
    if done.refused:
        raise RefusedInput(
            f"{len(done.refused)} readings could not be written; what stands beside each says why."
        )
