"""The log-ins of a PACS: whose own they are, which several people share; how one saves there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import parse_name
from pacs_bridge.domain.identity import normal
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.shared_copies import on_copies
from pacs_bridge.services.whose import look_again

LOGINS = ("unknown", "own", "shared")
"""What may be known of the log-ins of a PACS as a whole."""


@dataclass(frozen=True)
class PacsLogins:
    """What is known of the log-ins of a PACS.

    Parameters
    ----------
    logins : str
        Of `LOGINS`: whether each reader there has an own one.
    shared : dict of str to str
        Log-ins of several people, and why they are taken for such.
    aliases : dict of str to (str, bool)
        Whose each known log-in is, and whether a handshake showed it.
    """

    pacs: str
    logins: str
    hint: str
    shared: dict[str, str]
    aliases: dict[str, tuple[str, bool]]


def show_logins(pacs: str, *, begin: Begin) -> PacsLogins:
    """Tell what is known of the log-ins of a PACS; raises `NotFound`."""
    name = parse_name(pacs)
    with begin() as uow:
        uow.pacs.get(name)
        hint, logins = uow.logins.reading(name)
        return PacsLogins(name, logins, hint, uow.logins.shared(name), uow.readers.aliases(name))


def set_logins(
    pacs: str,
    *,
    begin: Begin,
    now: Clock,
    settle: float,
    logins: str | None = None,
    hint: str | None = None,
    share: Iterable[str] = (),
    unshare: Iterable[str] = (),
) -> PacsLogins:
    """Say what log-ins at a PACS are; what came under them is looked into anew.

    Parameters
    ----------
    logins : str, optional
        Of `LOGINS`. With ``own`` what a handshake shows is believed at once; with ``shared``
        no log-in there names anybody.
    hint : str, optional
        How one saves in its viewer, told to readers of whom nothing arrives.
    share, unshare : iterable of str
        Log-ins under which several people work, or do not after all.

    Raises
    ------
    NotFound
        When there is no such PACS.
    RefusedInput
        When `logins` is something else, or the hint is too long.
    """
    name, moment = parse_name(pacs), now()
    if logins is not None and logins not in LOGINS:
        raise RefusedInput("Log-ins are own, shared or unknown; say which.")
    words = None if hint is None else " ".join(hint.split())
    if words is not None and (len(words) > 300 or not words.isprintable()):
        raise RefusedInput("Say in at most 300 characters how to save in that viewer.")
    with begin() as uow:
        uow.pacs.get(name)
        uow.logins.set_reading(name, hint=words, logins=logins)
        changed = logins is not None
        for login in share:
            changed |= uow.logins.share(name, login, "An administrator said so.", moment)
        for login in unshare:
            changed |= uow.logins.unshare(name, login)
        if changed:
            uow.events.add(
                moment,
                "logins-set",
                name,
                logins=logins or "",
                shared=[normal(each) for each in share],
                own=[normal(each) for each in unshare],
            )
            readers = {reader for reader, _ in uow.readers.aliases(name).values()}
            anew = [each.object_uid for each in uow.claims.waiting(pacs=name)]
            for reader in sorted(readers):
                anew += uow.claims.of_reader_at(name, reader)
            anew += on_copies(uow, name, moment)
            look_again(uow, anew, f"logins-{moment.timestamp():.3f}", moment, settle)
    return show_logins(name, begin=begin)
