"""What a reader's pages call: receipts, answers, and pictures made in a process of their own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.archive.levels import Levels
    from pacs_bridge.archive.pictures import Pictures
    from pacs_bridge.services.render_image import PictureRequest
    from pacs_bridge.services.render_levels import LevelsRequest
    from pacs_bridge.web.context import ReadingServices

PICTURE_SECONDS = 30
"""How long a picture of one frame may take."""


def make_picture(asked: PictureRequest) -> bytes:
    """Render a frame; runs in a limited child process, so that no image takes the pages along."""
    from pacs_bridge.services.render_image import render_frame

    return render_frame(asked)


def build_pictures(installation: Installation) -> Pictures:
    """Join what makes and keeps the pictures of archived images."""
    from pacs_bridge.archive.pictures import Pictures
    from pacs_bridge.jobs.limits import LimitedReader

    maker = LimitedReader(make_picture, wall_seconds=PICTURE_SECONDS, cpu_seconds=PICTURE_SECONDS)

    def make(source: Path, frame: int) -> bytes:
        from pacs_bridge.services.render_image import PictureRequest

        return maker(PictureRequest(source, frame))

    return Pictures(installation.config.home / "pictures", installation.archive.path, make)


def make_levels(asked: LevelsRequest) -> int:
    """Write the levels of a frame; runs in a limited child process, too."""
    from pacs_bridge.services.render_levels import render_levels

    return render_levels(asked)


def build_levels(installation: Installation) -> Levels:
    """Join what makes and keeps frames of archived images in all their grey levels."""
    from pacs_bridge.archive.levels import Levels
    from pacs_bridge.jobs.limits import LimitedReader

    maker = LimitedReader(make_levels, wall_seconds=PICTURE_SECONDS, cpu_seconds=PICTURE_SECONDS)

    def make(source: Path, frame: int, target: Path) -> None:
        from pacs_bridge.services.render_levels import LevelsRequest

        maker(LevelsRequest(source, frame, target))

    return Levels(installation.config.home / "levels", installation.archive.path, make)


def build_reading(installation: Installation) -> ReadingServices:
    """Join what the pages of a reader's receipts call."""
    from pacs_bridge.services.answers import (
        answer_mark,
        decide_breast,
        declare_normal,
        declare_rest_normal,
        place_mark,
    )
    from pacs_bridge.services.lying import read_lying
    from pacs_bridge.services.pictures import find_picture
    from pacs_bridge.services.receipts import list_receipts, show_receipt
    from pacs_bridge.services.sheet import link_marks, move_mark, part_mark
    from pacs_bridge.web.context import ReadingServices

    now, read = installation.now, installation.read
    answering: dict[str, Any] = {
        "begin": installation.begin,
        "now": now,
        "settle": installation.config.marks.settle,
    }
    show = partial(show_receipt, begin=read, now=now)
    return ReadingServices(
        list_receipts=partial(list_receipts, begin=read, now=now),
        show_receipt=show,
        answer_mark=partial(answer_mark, **answering),
        place_mark=partial(place_mark, **answering),
        move_mark=partial(move_mark, **answering),
        link_marks=partial(link_marks, **answering),
        part_mark=partial(part_mark, **answering),
        decide_breast=partial(decide_breast, **answering),
        declare_normal=partial(declare_normal, **answering),
        declare_rest_normal=partial(declare_rest_normal, **answering),
        find_picture=partial(find_picture, begin=read, show=show),
        picture=build_pictures(installation).of,
        part=build_levels(installation).of,
        lying=read_lying(begin=read, find=installation.archive.path),
    )
