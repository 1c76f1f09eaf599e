"""Copies of case sets with an installation's own database, archive and keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from pacs_bridge.wiring.case_sets import PASSPORT_KEY, UID_KEY
from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.archive.renamed import Find, Renamed, RenamedArchive
    from pacs_bridge.db.unit_of_work import Begin
    from pacs_bridge.domain.caseset import Case
    from pacs_bridge.domain.ports import Clock
    from pacs_bridge.services.reader_copies import Making, Progress
    from pacs_bridge.web.context import CopiesServices


def find_renamed(installation: Installation) -> Find:
    """Tell how the file of a copy comes about, by its hash; see `archive.renamed.Find`."""

    @lru_cache(maxsize=2)
    def masters(set_name: str) -> dict[str, tuple[Case, str]]:
        with installation.read() as uow:  # a passport never changes
            passport = uow.case_sets.get(set_name)
        return {
            image.sop_instance_uid: (case, image.content_hash)
            for case, *_, image in passport.instances()
        }

    def find(content_hash: str) -> Renamed | None:
        from pacs_bridge.archive.renamed import Renamed
        from pacs_bridge.archive.renaming import renaming_of
        from pacs_bridge.domain.reader_copies import CopyNaming

        with installation.read() as uow:
            copied = uow.reader_copies.by_content(content_hash)
        if copied is None:
            return None
        case, source = masters(copied.set_name)[copied.master]
        naming = CopyNaming(installation.config.secret(UID_KEY), copied.set_name, copied.copy)
        return Renamed(source, renaming_of(naming, case))

    return find


def making_of(installation: Installation, progress: Progress | None = None) -> Making:
    """Join what making copies needs."""
    from pacs_bridge.services.reader_copies import Making

    return Making(
        installation.archive,
        installation.config.secret(UID_KEY),
        installation.config.secret(PASSPORT_KEY),
        progress,
    )


def copy_jobs(installation: Installation) -> dict[str, Callable[..., Any]]:
    """Join what the jobs call to make copies."""
    from pacs_bridge.services.reader_copies import make_copies

    return {
        "make_copies": partial(
            make_copies,
            begin=installation.begin,
            making=making_of(installation),
            now=installation.now,
        )
    }


def tidy_with_copies(tidy: Callable[[], int], archive: RenamedArchive) -> Callable[[], int]:
    """Have the clock throw away the files of copies that nobody uses any more, too."""

    def both() -> int:
        archive.forget_unused()
        return tidy()

    return both


def build_copies_pages(begin: Begin, read: Begin, now: Clock) -> CopiesServices:
    """Join what the pages of readers' copies call."""
    from pacs_bridge.services.reader_copies import agree_copies, list_plans, plan_copies
    from pacs_bridge.web.context import CopiesServices

    return CopiesServices(
        plans=partial(list_plans, begin=read),
        plan=partial(plan_copies, begin=read),
        agree=partial(agree_copies, begin=begin, now=now),
    )
