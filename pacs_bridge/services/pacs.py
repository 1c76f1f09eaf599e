"""Registering hospital PACS, and asking whether one answers."""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import parse_ae_title, parse_name
from pacs_bridge.domain.pacs import CALLS_FROM, OUTWARD, Endpoint, Isolation, Pacs
from pacs_bridge.domain.ports import Clock, PacsPeer
from pacs_bridge.domain.profile import UNKNOWN, QueryProfile

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?")

Resolve = Callable[[str], list[str]]


def addresses_of(host: str) -> list[str]:
    """Look a host name up; empty where it is not known."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True)
class PacsSettings:
    """What a PACS is registered with, in whichever way it is spoken to.

    Parameters
    ----------
    plain : bool
        Whether it may be spoken to, and may call us, unencrypted.
    certificate : str or None
        SHA-256 fingerprint of the certificate with which it calls us over TLS. Without one, a
        PACS that is not plain keeps what it had, and one that is plain has none.
    calls_from : sequence of str
        Who may call us from it: ``AET`` or ``AET@NET``, NET an address, a network in CIDR
        form or a host name.
    isolation : str
        How it keeps one reader's marks from the next, see `domain.pacs.Isolation`.
    """

    plain: bool = True
    certificate: str | None = None
    calls_from: Sequence[str] = ()
    isolation: str = Isolation.SHEET
    our_ae_title: str = "PACSBRIDGE"


AS_IT_COMES = PacsSettings()


def add_pacs(
    name: str,
    *,
    ae_title: str,
    host: str,
    port: int,
    begin: Begin,
    now: Clock,
    query: str | None = None,
    settings: PacsSettings = AS_IT_COMES,
    resolve: Resolve = addresses_of,
) -> Pacs:
    """Register a PACS, or register one anew; it keeps all that `pacs change` has set.

    Parameters
    ----------
    query : str, optional
        Where it is queried, if elsewhere than it is sent to: ``AET`` or ``AET@HOST:PORT``.
    settings : PacsSettings
        Where these name nobody who calls us, that is its own AE title from its own host, or
        nobody where the host's name is not known here.
    resolve : callable
        Gives the addresses of a host name. Calls are let in by address, so that the names
        are looked up now, and again when the PACS is registered again.

    Raises
    ------
    RefusedInput
        When a name, title, host, port, network or mode is none, or a PACS that is not plain
        has no certificate.
    """
    known, main = parse_name(name), parse_ae_title(ae_title)
    address, number = parse_host(host), parse_port(port)
    outward: tuple[str, ...] = OUTWARD
    endpoints: list[Endpoint] = []
    if query is not None:
        outward = tuple(role for role in OUTWARD if role != "query")
        endpoints.append(_query_endpoint(query, address, number))
    callers = [
        replace(caller, port=number)
        for text in settings.calls_from or [main]
        for caller in parse_callers(text, address, resolve, needed=bool(settings.calls_from))
    ]
    mine = [c for c in callers if (c.ae_title, c.host) == (main, address)]
    if len(callers) == len(mine) == 1:  # the usual case: one endpoint in every role
        endpoints.insert(0, replace(mine[0], roles=(*outward, CALLS_FROM)))
    else:
        endpoints = [Endpoint(main, address, number, outward), *endpoints, *callers]
    with begin() as uow:
        certificate = _certificate(settings, uow.pacs.find(known))
        pacs = put_pacs(uow, known, endpoints, settings, certificate, now())
        isolation = pacs.isolation.value
        told = {"plain": pacs.plain, "isolation": isolation, "certificate": certificate}
        uow.events.add(now(), "pacs-set", known, **told)
    return pacs


def put_pacs(
    uow: UnitOfWork,
    name: str,
    endpoints: Sequence[Endpoint],
    settings: PacsSettings,
    certificate: str | None,
    moment: datetime,
) -> Pacs:
    """Keep a PACS with its endpoints and settings, and all else that was set of it before.

    Raises
    ------
    RefusedInput
        When a title or mode is none.
    """
    before = uow.pacs.find(name)
    pacs = replace(
        before or Pacs(name, ()),
        endpoints=tuple(endpoints),
        our_ae_title=parse_ae_title(settings.our_ae_title),
        plain=settings.plain,
        isolation=parse_isolation(settings.isolation),
        certificate=certificate,
    )
    if before is not None and pacs.endpoint("query") != before.endpoint("query"):
        uow.profiles.forget(name)  # what was learned was learned elsewhere
        pacs = replace(pacs, profile=UNKNOWN)
    uow.pacs.put(pacs, moment)
    return pacs


def list_pacs(*, begin: Begin) -> list[Pacs]:
    """List all registered PACS, by name."""
    with begin() as uow:
        return uow.pacs.all()


def get_pacs(name: str, *, begin: Begin) -> Pacs:
    """Give a registered PACS; raises `NotFound`."""
    with begin() as uow:
        return uow.pacs.get(parse_name(name))


def get_profile(name: str, *, begin: Begin) -> QueryProfile:
    """Give what was learned by asking a PACS; an empty profile where nothing was."""
    with begin() as uow:
        return uow.profiles.get(parse_name(name))


def echo_pacs(name: str, *, begin: Begin, peer: PacsPeer) -> float:
    """Ask a PACS for a C-ECHO; gives the seconds it took.

    Raises
    ------
    NotFound
        When it is not registered.
    PeerUnavailable
        When it does not answer, naming the phase in which that failed.
    """
    with begin() as uow:
        pacs = uow.pacs.get(parse_name(name))
    started = time.monotonic()
    peer.echo(pacs)
    return time.monotonic() - started


def set_paused(name: str, *, paused: bool, begin: Begin, now: Clock) -> Pacs:
    """Stop taking objects from a PACS, or take them again; raises `NotFound`."""
    with begin() as uow:
        pacs = uow.pacs.get(parse_name(name))
        if pacs.paused != paused:
            uow.pacs.set_paused(pacs.name, paused=paused)
            uow.events.add(now(), "pacs-paused" if paused else "pacs-resumed", pacs.name)
        return replace(pacs, paused=paused)


def parse_host(text: str) -> str:
    """Check a host name or address; raises `RefusedInput`."""
    host = text.strip().strip("[]")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if _HOST.fullmatch(host) is None or re.fullmatch(r"[0-9.]+", host):
        raise RefusedInput("This is no host: give a name such as pacs.hospital.org or an address.")
    return host.lower()


def parse_port(port: int | str) -> int:
    """Check a TCP port; raises `RefusedInput`."""
    text = str(port)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise RefusedInput("A port is a number from 1 to 65535; give the PACS's DICOM port.")
    return int(text)


def parse_isolation(text: str) -> Isolation:
    """Check an isolation mode; raises `RefusedInput`."""
    try:
        return Isolation(text)
    except ValueError as error:
        modes = ", ".join(mode.value for mode in Isolation)
        raise RefusedInput(f"The isolation mode is one of {modes}; say which.") from error


def _certificate(settings: PacsSettings, before: Pacs | None) -> str | None:
    """Choose the certificate that a PACS has from now on."""
    kept = before.certificate if before and not settings.plain else None
    chosen = settings.certificate or kept
    if chosen is None and not settings.plain:
        raise RefusedInput(
            "Over TLS a PACS is known by its certificate; give it with --certificate FILE, or "
            "register the PACS with --plain where the network between is trusted."
        )
    return chosen


def _query_endpoint(text: str, host: str, port: int) -> Endpoint:
    title, at, place = text.partition("@")
    if at:
        name, _, number = place.rpartition(":")
        host, port = parse_host(name), parse_port(number)
    return Endpoint(parse_ae_title(title), host, port, ("query",))


def parse_callers(text: str, host: str, resolve: Resolve, *, needed: bool) -> list[Endpoint]:
    """Read one ``AET`` or ``AET@NET``; a host name becomes one endpoint an address."""
    title, at, net = text.partition("@")
    ae_title, place = parse_ae_title(title), net if at else host
    try:
        network = ipaddress.ip_network(place, strict=False)
    except ValueError:
        found = resolve(parse_host(place))
        if needed and not found:
            raise RefusedInput(
                f"The host name {place} is not known here; say who may call by address: "
                f"{ae_title}@ADDRESS."
            ) from None
        return [Endpoint(ae_title, host, 0, (CALLS_FROM,), address) for address in found]
    single = network.num_addresses == 1
    where = str(network.network_address) if single else str(network)
    return [Endpoint(ae_title, host, 0, (CALLS_FROM,), where)]
