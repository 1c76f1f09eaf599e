"""What pages are given: settings and services, as plain values made by wiring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from flask import current_app
from flask_security import current_user

if TYPE_CHECKING:
    from pacs_bridge.db.accounts import AccountStore, SignIn
    from pacs_bridge.db.queries import Queries
    from pacs_bridge.db.watch_queries import WatchQueries
    from pacs_bridge.domain.feedback import Feedback
    from pacs_bridge.domain.reader_copies import CopiesPlan
    from pacs_bridge.domain.receipts import Receipt, ReceiptList
    from pacs_bridge.domain.turns import Turn
    from pacs_bridge.domain.workstation import WorkstationCheck
    from pacs_bridge.services.adopt import Adopted
    from pacs_bridge.services.claims import Claimable
    from pacs_bridge.services.exposure_lift import ExposedNow
    from pacs_bridge.services.handshake import HandshakeNow
    from pacs_bridge.services.isolation import IsolationNow
    from pacs_bridge.services.reading_sessions import SessionNow
    from pacs_bridge.services.saving_help import SavingHelp
    from pacs_bridge.services.sending_status import SendingStatus
    from pacs_bridge.services.show_feedback import FeedbackOffer
    from pacs_bridge.services.site_pack import Orders, SitePack
    from pacs_bridge.services.turns import TurnsNow
    from pacs_bridge.services.workstation import ToCheck

EXTENSION = "pacs_bridge"


@dataclass(frozen=True)
class WebSettings:
    """How the pages behave.

    Parameters
    ----------
    secret : bytes
        Signs sessions and forms.
    idle : timedelta
        After so long without an action of the person, pages lock; a site may say otherwise.
    locked : timedelta
        Locked for so long, a session ends.
    longest : timedelta
        After so long a session ends whatever happens.
    cookie_secure : bool
        Send cookies over HTTPS only.
    sign_in_tries : int
        Failed tries in five minutes from one address for one account; ten times as many
        from one address for all.
    refresh_seconds : int
        How often a page that watches something looks again.
    stream_seconds : float
        After so long a live stream ends, and is asked for anew.
    """

    secret: bytes
    idle: timedelta = timedelta(minutes=5)
    locked: timedelta = timedelta(hours=1)
    longest: timedelta = timedelta(hours=8)
    cookie_secure: bool = False
    sign_in_tries: int = 10
    refresh_seconds: int = 5
    stream_seconds: float = 20.0


@dataclass(frozen=True)
class ReadingServices:
    """What the pages of a reader's receipts call; each is given the reader's code first.

    Parameters
    ----------
    list_receipts, show_receipt : callable
        See `services.receipts`.
    answer_mark, place_mark, decide_breast, declare_normal, declare_rest_normal : callable
        See `services.answers`; each takes the token of its form.
    move_mark, link_marks, part_mark : callable
        See `services.sheet`; the same.
    find_picture : callable
        Gives the content hash of an image that the reader may see; see `services.pictures`.
    picture : callable
        Gives a frame of an image, by content hash, as PNG.
    part : callable
        Gives a part of a frame in all its grey levels, by content hash; see `archive.levels`.
    lying : callable
        Gives how an image lies in the patient, by SOP Instance UID; see `services.lying`.
    """

    list_receipts: Callable[[str, str], ReceiptList]
    show_receipt: Callable[[str, str], Receipt]
    answer_mark: Callable[..., object]
    place_mark: Callable[..., object]
    move_mark: Callable[..., object]
    link_marks: Callable[..., object]
    part_mark: Callable[..., object]
    decide_breast: Callable[..., object]
    declare_normal: Callable[..., object]
    declare_rest_normal: Callable[..., object]
    find_picture: Callable[[str, str, str, int], str]
    picture: Callable[[str, int], bytes]
    part: Callable[..., bytes]
    lying: Callable[[str], tuple[str, ...]]


@dataclass(frozen=True)
class WhoServices:
    """What the pages of a reader's viewer and claims call.

    Parameters
    ----------
    show_handshake, ask_handshake, stop_handshake : callable
        See `services.handshake`; each takes set and reader.
    show_session, open_session, close_session, finish_case : callable
        See `services.reading_sessions`; each takes reader and set.
    claimable, claim_objects, none_of_these, dispute_claim : callable
        See `services.claims`; each takes reader and set.
    state_own : callable
        See `services.own_saves`; takes reader and case.
    show_saving, set_saving, readers_saving : callable
        See `services.saving_help`: the first two take a PACS, the last reader and set.
    """

    show_handshake: Callable[[str, str], HandshakeNow]
    ask_handshake: Callable[[str, str], object]
    stop_handshake: Callable[[str, str], object]
    show_session: Callable[[str, str], SessionNow]
    open_session: Callable[[str, str, str], object]
    close_session: Callable[[str, str], object]
    finish_case: Callable[[str, str, str], object]
    claimable: Callable[[str, str], Claimable]
    claim_objects: Callable[..., int]
    none_of_these: Callable[..., int]
    dispute_claim: Callable[..., object]
    show_saving: Callable[[str], SavingHelp]
    set_saving: Callable[..., SavingHelp]
    readers_saving: Callable[[str, str], SavingHelp]
    state_own: Callable[..., int]


@dataclass(frozen=True)
class IsolationServices:
    """What the pages about keeping readers apart call.

    Parameters
    ----------
    show, ask, say_seen, take_back : callable
        See `services.isolation` and `services.isolation_ask`; each takes the PACS.
    turns, hand_on : callable
        See `services.turns`; each takes PACS and set.
    my_turn, finish_turn : callable
        A reader's own turn; each takes reader and set.
    exposed, lift : callable
        Readings that were flagged, see `services.exposure_lift`; each takes the PACS.
    opened : callable
        Told that a case is opened to a reader: reader and case; see `services.case_opened`.
    """

    show: Callable[..., IsolationNow]
    ask: Callable[..., IsolationNow]
    say_seen: Callable[..., IsolationNow]
    take_back: Callable[..., IsolationNow]
    turns: Callable[[str, str], TurnsNow]
    hand_on: Callable[..., object]
    my_turn: Callable[[str, str], Turn | None]
    finish_turn: Callable[[str, str], object]
    exposed: Callable[..., ExposedNow]
    lift: Callable[..., object]
    opened: Callable[[str, str], bool]


@dataclass(frozen=True)
class CopiesServices:
    """What the pages of readers' copies call.

    Parameters
    ----------
    plans, plan, agree : callable
        See `services.reader_copies`.
    """

    plans: Callable[[tuple[str, ...] | None], list[CopiesPlan]]
    plan: Callable[[str, str], CopiesPlan]
    agree: Callable[..., CopiesPlan]


@dataclass(frozen=True)
class FeedbackServices:
    """What the pages call of truth on a PACS.

    Parameters
    ----------
    offer, ask : callable
        See `services.show_feedback`.
    take_away : callable
        See `services.withdraw_feedback.ask_withdrawal`.
    at : callable
        Gives what was asked for of a load by its number, each with the list of what must go.
    """

    offer: Callable[..., FeedbackOffer]
    ask: Callable[..., Feedback]
    take_away: Callable[..., Feedback]
    at: Callable[[int], list[tuple[Feedback, str]]]


@dataclass(frozen=True)
class WebServices:
    """What the pages call.

    Parameters
    ----------
    start_load, verify_load : callable
        Queue a start, or a verification, of one load by number.
    accept_names : callable
        Have readers search for the renamed cases of a load; see `services.search_notes`.
    record : callable
        Keep an event for the audit trail: kind, subject, details.
    adopt, forget : callable
        Let a caller in that was rejected; see `services.adopt`.
    what_to_check, check_workstation : callable
        The workstation check; see `services.workstation`.
    site_pack, orders_for : callable
        What a hospital needs for one case set; see `services.site_pack`.
    sending : callable
        How the sending of a load gets on; see `services.sending_status`.
    reading : ReadingServices
        A reader's receipts and sheet.
    who : WhoServices
        Whose marks are whose: practice drawing, reading session, claims.
    isolation : IsolationServices
        How a PACS keeps readers apart, and whose turn it is.
    copies : CopiesServices
        What readers' copies take at a PACS, and agreeing to it.
    feedback : FeedbackServices
        Truth of a closed round on a PACS.
    """

    now: Callable[[], datetime]
    accounts: AccountStore
    queries: Queries
    watch: WatchQueries
    start_load: Callable[[int], object]
    verify_load: Callable[[int], object]
    accept_names: Callable[[int], dict[str, str]]
    record: Callable[..., None]
    adopt: Callable[..., Adopted]
    forget: Callable[..., str]
    what_to_check: Callable[[int], ToCheck]
    check_workstation: Callable[..., WorkstationCheck]
    site_pack: Callable[..., SitePack]
    orders_for: Callable[..., Orders]
    sending: Callable[[int], SendingStatus]
    reading: ReadingServices
    who: WhoServices
    isolation: IsolationServices
    copies: CopiesServices
    feedback: FeedbackServices


def settings() -> WebSettings:
    """Give the settings of the running application."""
    return cast("WebSettings", current_app.extensions[EXTENSION][0])


def services() -> WebServices:
    """Give the services of the running application."""
    return cast("WebServices", current_app.extensions[EXTENSION][1])


def person() -> SignIn:
    """Give who is signed in; only where the access rule let somebody in."""
    return cast("SignIn", cast("Any", current_user)._get_current_object())  # noqa: SLF001  werkzeug's own way
