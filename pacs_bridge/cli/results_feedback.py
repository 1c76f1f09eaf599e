"""``results feedback``: the truth of a closed round as objects for viewers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pacs_bridge.cli.terminal import Home, open_home, say


def feedback(
    set_name: Annotated[str, typer.Argument(metavar="SET", help="Prefix, such as PERFORMS121.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")],
    reader: Annotated[
        str, typer.Option(metavar="CODE", help="Put this reader's marks beside the truth.")
    ] = "",
    home: Home = None,
) -> None:
    """Write the truth of a closed round as presentation states and captures; sends nothing."""
    from pacs_bridge.domain.identifiers import SetName
    from pacs_bridge.services.feedback import write_feedback
    from pacs_bridge.wiring.case_sets import UID_KEY

    installation = open_home(home)
    written = write_feedback(
        SetName.parse(set_name),
        folder,
        reader=reader,
        read=installation.read,
        archive=installation.archive,
        key_uid=installation.config.secret(UID_KEY),
        now=installation.now,
    )
    say(f"{len(written)} objects written.")
