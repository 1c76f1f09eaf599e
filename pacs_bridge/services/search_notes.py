"""Accepting that readers search for a case under another name than ours."""

from __future__ import annotations

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.loading import CaseVerdict, Findable
from pacs_bridge.domain.ports import Clock


def accept_names(
    load_id: int, accession: str | None, *, begin: Begin, now: Clock
) -> dict[str, str]:
    """Accept the name under which a PACS files a case, or every renamed case, and judge anew.

    Only the name that the last check found is accepted: should the PACS change it again, the
    case is not findable again. The sweep that judges the load anew is queued in the same
    transaction.

    Parameters
    ----------
    accession : str or None
        Of the case; None for every case that the last check found under another name.

    Returns
    -------
    dict of str to str
        What readers search for, by our accession number.

    Raises
    ------
    NotFound
        When there is no such load.
    RefusedInput
        When the last check found no such case under a name that may be accepted.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
        verdicts = uow.loads.verdicts(load_id)
        if accession is not None:
            verdicts = [each for each in verdicts if each.accession == accession]
        names = {each.accession: each.search_for for each in verdicts if _is_renamed(each)}
        if not names:
            raise RefusedInput(_refusal(accession, verdicts))
        moment = now()
        for case, name in names.items():
            uow.search_notes.accept(load_id, case, name, moment)
        subject = f"{load.set_name} {load.pacs}"
        uow.events.add(moment, "names-accepted", subject, cases=list(names)[:64])
        key = f"verify-{load_id}-accepted-{moment:%Y%m%dT%H%M%S%f}"
        uow.enqueue("verify", load_id, key=key, partition=load.pacs)
    return names


def _is_renamed(verdict: CaseVerdict) -> bool:
    return verdict.findable is Findable.BY_OTHER_NAME and bool(verdict.search_for)


def _refusal(accession: str | None, verdicts: list[CaseVerdict]) -> str:
    if accession is None:
        return "No case stands under another name there; `load status` shows what is wrong."
    if not verdicts:
        return f"{accession} was not checked in this load; `load status` lists its cases."
    if verdicts[0].findable is Findable.BY_OTHER_NAME:
        return (
            f"{accession} stands under a number that may be a real person's, which nobody may "
            "accept: have the study taken out of that record."
        )
    return f"{accession} stands under no other name there: there is nothing to accept."
