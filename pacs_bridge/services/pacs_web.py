"""Registering a PACS that speaks DICOMweb, wholly or in some roles."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.domain.identifiers import parse_name
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.certificates import write_whole
from pacs_bridge.services.pacs import (
    PacsSettings,
    Resolve,
    addresses_of,
    parse_callers,
    parse_host,
    put_pacs,
)
from pacs_bridge.upper_layer.web_access import (
    ADDRESS,
    AUTHORITY,
    CERTIFICATE,
    HEADER,
    KEY,
    folder_of,
    parse_header,
    read_access,
)

WEB_ROLES = ("store", "query", "retrieve")
"""What DICOMweb can do for us."""

ENCRYPTED = PacsSettings(plain=False)

_MOST_URL, _MOST_FILE = 400, 64 << 10
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class AccessFiles:
    """What a PACS wants to see, as files of a person's; None is "nothing of that kind"."""

    header: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None


def parse_url(text: str, *, plain: bool) -> tuple[str, str, int]:
    """Check the address of a DICOMweb service, and give it with its host and port.

    Raises
    ------
    RefusedInput
        When it is none, holds a password or a question, or is not encrypted though it should be.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = parse_host(parts.hostname or "")
    except (ValueError, RefusedInput):
        parts, host, port = urlsplit(""), "", 0
    is_plain_text = url.isascii() and url.isprintable() and not {*url} & {*' "<>\\^`{|}'}
    is_whole = parts.scheme in _PORTS and host and port and not (parts.query or parts.fragment)
    if not (is_whole and is_plain_text and len(url) <= _MOST_URL) or "?" in url or "#" in url:
        raise RefusedInput(
            "A DICOMweb address looks like https://pacs.hospital.org/dicom-web; give such a one."
        )
    if "@" in parts.netloc:
        raise RefusedInput(
            "An address holds no password; put it into a file and give --auth-header-file."
        )
    if any(step in (".", "..") for step in parts.path.split("/")):
        raise RefusedInput("An address holds no steps up or down; write it out in full.")
    if parts.scheme == "http" and not plain:
        raise RefusedInput(
            "Over http all is sent unencrypted; give an https address, or --plain where the "
            "network between is trusted."
        )
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}:{port}{parts.path}", host, port


def add_web_pacs(
    name: str,
    *,
    url: str,
    begin: Begin,
    now: Clock,
    settings: PacsSettings = ENCRYPTED,
    resolve: Resolve = addresses_of,
) -> Pacs:
    """Register a PACS that we speak to by DICOMweb only, or change one to such a one.

    It keeps all that `pacs change` has set of it.

    Parameters
    ----------
    url : str
        The address above ``/studies``.
    settings : PacsSettings
        Whom these name may call us from it, by DIMSE; else nobody. An http address needs a
        plain one.

    Raises
    ------
    RefusedInput
        When a name, address, title, network or mode is none.
    """
    known = parse_name(name)
    endpoint = _endpoint(url, WEB_ROLES, plain=settings.plain)
    callers = [
        caller
        for text in settings.calls_from
        for caller in parse_callers(text, endpoint.host, resolve, needed=True)
    ]
    if callers and not settings.plain and settings.certificate is None:
        raise RefusedInput(
            "Whoever calls us over TLS is known by a certificate; give it with --certificate "
            "FILE, or allow the calls unencrypted with --plain."
        )
    with begin() as uow:
        places = (endpoint, *callers)
        pacs = put_pacs(uow, known, places, settings, settings.certificate, now())
        uow.events.add(now(), "pacs-set", known, plain=pacs.plain, dicomweb=list(WEB_ROLES))
    return pacs


def add_web_roles(
    name: str, *, url: str, roles: Sequence[str], plain: bool, begin: Begin, now: Clock
) -> Pacs:
    """Have a registered PACS asked by DICOMweb in some roles, and by DIMSE in the others.

    Raises
    ------
    NotFound
        When it is not registered.
    RefusedInput
        When the address is none, or DICOMweb has no such role.
    """
    web = _endpoint(url, parse_roles(roles), plain=plain)
    with begin() as uow:
        pacs = uow.pacs.get(parse_name(name))
        others = [
            replace(each, roles=tuple(role for role in each.roles if role not in web.roles))
            for each in pacs.endpoints
            if not each.url
        ]
        pacs = replace(pacs, endpoints=(*(each for each in others if each.roles), web))
        uow.pacs.put(pacs, now())
        uow.events.add(now(), "pacs-changed", pacs.name, dicomweb=list(web.roles))
    return pacs


def parse_roles(roles: Sequence[str]) -> tuple[str, ...]:
    """Check roles for DICOMweb; raises `RefusedInput`."""
    if not roles or not set(roles) <= set(WEB_ROLES):
        raise RefusedInput(f"By DICOMweb a PACS has the roles {', '.join(WEB_ROLES)}; say which.")
    return tuple(role for role in WEB_ROLES if role in roles)


def keep_access(folder: Path, name: str, url: str, files: AccessFiles) -> None:
    """Keep copies of what a PACS wants to see, readable by us alone, in place of what was there.

    What is not given is gone afterwards: what one address was trusted with is never shown to
    another.

    Parameters
    ----------
    folder : Path
        Of all PACS; each has its own in it.
    url : str
        The address that they are for, as `parse_url` gives it.

    Raises
    ------
    RefusedInput
        When a file cannot be read, or is not what it should be; then nothing is changed.
    """
    if files.key is not None and files.certificate is None:
        raise RefusedInput("A key goes with its certificate; give --client-certificate too.")
    given = {
        HEADER: _read(files.header),
        CERTIFICATE: _read(files.certificate),
        KEY: _read(files.key),
        AUTHORITY: _read(files.authority),
        ADDRESS: url.encode("ascii"),
    }
    _check_header(given[HEADER], files.header)
    own = folder_of(folder, name)
    trial = folder / f".{secrets.token_hex(8)}"
    try:
        _put(trial, given)
        read_access(trial, name, url)
    except PeerUnavailable as error:
        raise RefusedInput(
            "The certificate, key or authority cannot be used: each is a PEM file, the key without "
            "a passphrase and of that certificate; give such ones."
        ) from error
    finally:
        _remove(trial)
    _remove(own)
    _put(own, given)


def drop_access(folder: Path, name: str) -> None:
    """Keep nothing for a PACS that speaks DICOMweb no more."""
    _remove(folder_of(folder, name))


def _put(own: Path, given: dict[str, bytes | None]) -> None:
    for place in (own.parent, own):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file, content in given.items():
        if content is not None:
            write_whole(own / file, content, mode=0o600)


def _remove(own: Path) -> None:
    if not own.exists():
        return
    for file in (HEADER, CERTIFICATE, KEY, AUTHORITY, ADDRESS):
        (own / file).unlink(missing_ok=True)
    own.rmdir()


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_FILE + 1)
    except OSError as error:
        raise RefusedInput(f"{path.name} cannot be read; give another file.") from error
    if not 0 < len(content) <= _MOST_FILE:
        raise RefusedInput(f"{path.name} is empty or too large; give another file.")
    return content


def _check_header(content: bytes | None, path: Path | None) -> None:
    if content is None or path is None:
        return
    try:
        if parse_header(content.decode("ascii")):
            return
    except ValueError:
        pass
    raise RefusedInput(
        f"{path.name} has to be one line such as `Authorization: Bearer …`; write it so."
    )


def _endpoint(url: str, roles: tuple[str, ...], *, plain: bool) -> Endpoint:
    address, host, port = parse_url(url, plain=plain)
    return Endpoint("", host, port, roles, plain=address.startswith("http:"), url=address)
