"""Truth on a PACS after a round: what asks for it, sends it and takes it away again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_bridge.config import Config
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.withdrawal import WITHIN
from pacs_bridge.wiring.case_sets import UID_KEY
from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.db.unit_of_work import Begin
    from pacs_bridge.domain.feedback import Feedback
    from pacs_bridge.services.show_feedback import FeedbackOffer
    from pacs_bridge.web.context import FeedbackServices


def feedback_jobs(installation: Installation, stopping: threading.Event) -> dict[str, Any]:
    """Give what the jobs role does of feedback, as arguments of its `Services`."""
    from pacs_bridge.jobs.limits import LimitedReader
    from pacs_bridge.services.send_feedback import FeedbackSender
    from pacs_bridge.services.withdraw_feedback import withdraw_feedback
    from pacs_bridge.wiring.peers import build_peer
    from pacs_bridge.wiring.reading import PICTURE_SECONDS, make_picture

    peer = build_peer(installation)
    sender = FeedbackSender(
        installation.begin,
        peer,
        installation.archive,
        installation.now,
        installation.config.secret(UID_KEY),
        LimitedReader(make_picture, wall_seconds=PICTURE_SECONDS, cpu_seconds=PICTURE_SECONDS),
        installation.config.loading.attempts,
        stopping.is_set,
    )
    return {
        "send_feedback": sender.send,
        "withdraw_feedback": partial(
            withdraw_feedback,
            begin=installation.begin,
            peer=peer,
            now=installation.now,
            public_url=installation.config.web.public_url,
        ),
    }


def build_offer(installation: Installation) -> Callable[..., FeedbackOffer]:
    """Join `services.show_feedback.offer_feedback`."""
    from pacs_bridge.services.show_feedback import offer_feedback

    return partial(
        offer_feedback,
        read=installation.read,
        now=installation.now,
        within=within_of(installation.config),
    )


def build_ask(installation: Installation) -> Callable[..., Feedback]:
    """Join `services.show_feedback.ask_feedback`."""
    from pacs_bridge.services.show_feedback import ask_feedback

    return partial(
        ask_feedback,
        begin=installation.begin,
        now=installation.now,
        within=within_of(installation.config),
    )


def build_take_away(installation: Installation) -> Callable[..., Feedback]:
    """Join `services.withdraw_feedback.ask_withdrawal`."""
    from pacs_bridge.services.withdraw_feedback import ask_withdrawal

    return partial(ask_withdrawal, begin=installation.begin, now=installation.now)


def within_of(config: Config) -> timedelta:
    """Tell how long after the end of its round a set may stand on a PACS."""
    return timedelta(days=config.loading.withdraw_days)


def feedback_services(
    begin: Begin, read: Begin, now: Clock, within: timedelta = WITHIN
) -> FeedbackServices:
    """Join what the pages call of truth on a PACS."""
    from pacs_bridge.services.show_feedback import ask_feedback, feedback_at, offer_feedback
    from pacs_bridge.services.withdraw_feedback import ask_withdrawal
    from pacs_bridge.web.context import FeedbackServices

    return FeedbackServices(
        offer=partial(offer_feedback, read=read, now=now, within=within),
        ask=partial(ask_feedback, begin=begin, now=now, within=within),
        take_away=partial(ask_withdrawal, begin=begin, now=now),
        at=partial(feedback_at, read=read),
    )
