"""Callers that are no PACS of ours: made known by an administrator's word, and forgotten again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import parse_ae_title, parse_name
from pacs_bridge.domain.objects import Association, Caller
from pacs_bridge.domain.pacs import CALLS_FROM, Endpoint, Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.associations import UNFIT

ADOPTED, FORGOTTEN = "pacs-caller-adopted", "pacs-caller-forgotten"


@dataclass(frozen=True)
class Adopted:
    """Who may call from now on, and as which PACS.

    Parameters
    ----------
    tls : bool
        Whether only with the certificate that it called with; otherwise unencrypted.
    is_new : bool
        Whether that PACS was made for it.
    """

    pacs: str
    ae_title: str
    address: str
    tls: bool
    is_new: bool


def adopt_association(
    association_id: str, *, into: str, by: str, our_ae_title: str, begin: Begin, now: Clock
) -> Adopted:
    """Make known whoever asked for one association that was rejected; see `adopt_caller`."""
    with begin() as uow:
        return _adopt(uow, uow.associations.find(association_id), into, by, our_ae_title, now)


def adopt_caller(
    ae_title: str,
    address: str,
    *,
    into: str,
    by: str,
    our_ae_title: str,
    begin: Begin,
    now: Clock,
) -> Adopted:
    """Make a caller known that was rejected: it may call from that address, and as it called.

    Who came with a certificate is let in with that one only; who came without is let in
    unencrypted. Nothing else is allowed to it: no set is loaded to it, and it is never called.

    Parameters
    ----------
    into : str
        The PACS that it belongs to; empty for a new one, named after the AE title.
    by : str
        Who says so, for the audit trail: an account's number or the like.
    our_ae_title : str
        The node's own; a caller that called us otherwise may go on doing so.

    Raises
    ------
    NotFound
        When nobody unknown called so, or there is no such PACS.
    RefusedInput
        When its AE title cannot be used.
    """
    with begin() as uow:
        last = uow.associations.last_of(ae_title, address)
        return _adopt(uow, last, into, by, our_ae_title, now)


def forget_caller(ae_title: str, address: str, *, by: str, begin: Begin, now: Clock) -> str:
    """Let a caller in no longer; gives the PACS that it was.

    A PACS that is left with no address, and of which nothing else speaks, is forgotten too.

    Raises
    ------
    NotFound
        When nobody is let in so.
    """
    with begin() as uow:
        for pacs in uow.pacs.all():
            for endpoint in pacs.endpoints:
                if _is(endpoint, ae_title, address):
                    _drop(uow, pacs, endpoint, now)
                    detail = {"ae_title": endpoint.ae_title, "address": endpoint.net, "by": by}
                    uow.events.add(now(), FORGOTTEN, pacs.name, **detail)
                    return pacs.name
    raise NotFound("Nobody may call so; `pacs-bridge pacs list` shows who may.")


def _adopt(
    uow: UnitOfWork,
    last: Association | None,
    into: str,
    by: str,
    our_ae_title: str,
    now: Clock,
) -> Adopted:
    if last is None or last.caller.pacs is not None:
        raise NotFound("Nobody unknown called so; look again at who did.")
    caller = last.caller
    if caller.ae_title in ("", UNFIT):
        raise RefusedInput("Its AE title cannot be used; have the caller set another one.")
    tls = caller.certificate is not None
    already = uow.pacs.of_caller(caller.ae_title, caller.address)
    if already is not None:
        return Adopted(already.name, caller.ae_title, caller.address, tls, is_new=False)
    if into:
        pacs = uow.pacs.get(parse_name(into))
        endpoints = (*pacs.endpoints, _endpoint(caller, pacs.our_ae_title, our_ae_title))
        pacs = replace(pacs, endpoints=endpoints)
    else:
        pacs = _new_pacs(uow, caller, our_ae_title)
    uow.pacs.put(pacs, now())
    uow.events.add(
        now(),
        ADOPTED,
        pacs.name,
        ae_title=caller.ae_title,
        address=caller.address,
        called=caller.called_ae_title,
        tls=tls,
        certificate=caller.certificate,
        new=not into,
        by=by,
    )
    return Adopted(pacs.name, caller.ae_title, caller.address, tls, is_new=not into)


def _endpoint(caller: Caller, *ours: str) -> Endpoint:
    """Let in exactly who called, as it called."""
    called = "" if caller.called_ae_title in (*ours, UNFIT) else caller.called_ae_title
    return Endpoint(
        caller.ae_title,
        caller.address,
        0,
        (CALLS_FROM,),
        caller.address,
        our_ae_title=called,
        plain=caller.certificate is None,
        certificate=caller.certificate,
    )


def _new_pacs(uow: UnitOfWork, caller: Caller, our_ae_title: str) -> Pacs:
    wanted = re.sub("[^a-z0-9]+", "-", parse_ae_title(caller.ae_title).lower()).strip("-") or "pacs"
    name, number = wanted, 1
    while uow.pacs.find(name) is not None:
        number += 1
        name = f"{wanted}-{number}"
    return Pacs(
        name,
        (_endpoint(caller, our_ae_title),),
        our_ae_title=our_ae_title,
        plain=caller.certificate is None,
    )


def _is(endpoint: Endpoint, ae_title: str, address: str) -> bool:
    net = endpoint.net or endpoint.host
    return CALLS_FROM in endpoint.roles and (endpoint.ae_title, net) == (ae_title, address)


def _drop(uow: UnitOfWork, pacs: Pacs, endpoint: Endpoint, now: Clock) -> None:
    others = tuple(role for role in endpoint.roles if role != CALLS_FROM)
    rest = [each for each in pacs.endpoints if each != endpoint]
    if others or (not rest and uow.pacs.is_used(pacs.name)):
        kept = replace(endpoint, roles=others, net="")
        rest = [kept if each == endpoint else each for each in pacs.endpoints]
    if rest:
        uow.pacs.put(replace(pacs, endpoints=tuple(rest)), now())
    else:
        uow.pacs.remove(pacs.name)
