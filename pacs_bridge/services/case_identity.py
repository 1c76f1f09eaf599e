"""What a hospital sees of each case: names and numbers made from the set's, nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pacs_bridge.deid.identity import Identity, birth_date_of
from pacs_bridge.domain.caseset import describe_study
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import CaseName, Naming, SetName

NAME_TEMPLATE = "{set}^{number:03d}"
_LONGEST = 64  # characters of LO, and of a component of PN (PS3.5 section 6.2)


@dataclass(frozen=True)
class SetIdentity:
    """What all cases of a set share.

    Parameters
    ----------
    title : str
        The set's, for people; part of the Study Description.
    name_template : str
        PatientName of a case, with ``{set}``, ``{number:03d}`` or ``{accession}`` in it.
    """

    set_name: SetName
    title: str
    naming: Naming
    name_template: str = NAME_TEMPLATE

    def __post_init__(self) -> None:
        """Refuse what would not fit its element."""
        if not _is_plain(self.title) or len(self.study_description) > _LONGEST:
            room = _LONGEST - len(self.study_description) + len(self.title)
            raise RefusedInput(
                f"A title has 1 to {room} characters, letters without accents, digits and signs "
                "but no backslash; give such a one."
            )
        if re.sub(r"\{(set|accession|number(:03d)?)\}", "", self.name_template).count("{"):
            raise RefusedInput(
                "The name template may hold {set}, {number:03d} and {accession}; use only these."
            )
        name = self.patient_name(CaseName(self.set_name, self.naming.test[0]))
        if not _is_plain(name) or len(name) > _LONGEST or "=" in name or name.count("^") > 4:
            raise RefusedInput(
                "The name template gives no valid PatientName; keep it short and plain."
            )

    @property
    def study_description(self) -> str:
        """Says which set it is and that it is no patient's."""
        return describe_study(self.naming.scheme, self.title)

    def patient_name(self, case: CaseName) -> str:
        """Give a case's PatientName."""
        places = {"set": str(case.set_name), "number": case.number, "accession": str(case)}
        try:
            return self.name_template.format(**places)
        except (ValueError, KeyError, IndexError) as error:
            raise RefusedInput(
                "The name template may hold {set}, {number:03d} and {accession}; use only these."
            ) from error

    def of(self, case: CaseName, sex: str, prior: int = 0) -> Identity:
        """Give the identity of a case's study.

        Parameters
        ----------
        sex : str
            F, M or O.
        prior : int
            0 for the current study, from 1 up for prior ones, latest first. A prior study has
            no accession number: the one of the case finds the study that is to be read.
        """
        study_id = str(case).removeprefix(case.set_name.scheme) + (f"P{prior}" if prior else "")
        return Identity(
            accession="" if prior else str(case),
            patient_id=str(case),
            patient_name=self.patient_name(case),
            birth_date=birth_date_of(case),
            sex=sex,
            issuer=self.naming.scheme,
            study_id=study_id,
            study_description=self.study_description,
        )


def title_of(set_name: SetName) -> str:
    """Give the title of a set that was not given one."""
    return f"SA{set_name.round:02d} part {set_name.part}"


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and "\\" not in text and text.strip() == text != ""
