"""Case sets and truth with an installation's own database, archive and keys."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import REHEARSAL, SetName
from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.services.case_sets import ImportReport, Progress
    from pacs_bridge.services.check_case_set import SetCheck
    from pacs_bridge.services.truth import TruthReport

PASSPORT_KEY = "passport_ed25519"
UID_KEY = "uid_hmac"


def import_set(
    installation: Installation,
    directory: Path,
    set_name: str,
    *,
    title: str = "",
    cases_csv: Path | None = None,
    partial: bool = False,
    name_template: str = "",
    study_date: date | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Make a case set of a folder's images; see `services.case_sets.import_case_set`."""
    from pacs_bridge.services.case_identity import NAME_TEMPLATE
    from pacs_bridge.services.case_sets import import_case_set

    if SetName.parse(set_name) == REHEARSAL:
        raise RefusedInput(f"{REHEARSAL} is kept for rehearsals; name the set otherwise.")
    return import_case_set(
        directory,
        SetName.parse(set_name),
        title=title,
        cases_csv=cases_csv,
        partial=partial,
        begin=installation.begin,
        archive=installation.archive,
        key_uid=installation.config.secret(UID_KEY),
        key_passport=installation.config.secret(PASSPORT_KEY),
        now=installation.now,
        name_template=name_template or NAME_TEMPLATE,
        study_date=study_date,
        progress=progress,
    )


def check_set(installation: Installation, set_name: str, copy: int = 0) -> SetCheck:
    """Check a set against its passport; see `services.check_case_set.check_case_set`."""
    from pacs_bridge.services.check_case_set import check_case_set

    return check_case_set(
        SetName.parse(set_name),
        begin=installation.read,
        archive=installation.archive,
        key_passport=installation.config.secret(PASSPORT_KEY),
        copy=copy,
    )


def import_truth_file(installation: Installation, set_name: str, file: Path) -> TruthReport:
    """Keep the truth of a file as a set's next version; see `services.truth.import_truth`."""
    from pacs_bridge.services.truth import import_truth, read_truth_file

    return import_truth(
        read_truth_file(file),
        SetName.parse(set_name),
        begin=installation.begin,
        key_uid=installation.config.secret(UID_KEY),
        now=installation.now,
    )
