"""The web role: the pages with every service they call, and their server."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pacs_bridge.wiring.feedback import feedback_services, within_of
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.isolation import build_isolation
from pacs_bridge.wiring.reader_copies import build_copies_pages
from pacs_bridge.wiring.reading import build_reading
from pacs_bridge.wiring.site_pack import our_node
from pacs_bridge.wiring.who import build_who

if TYPE_CHECKING:
    from flask import Flask

    from pacs_bridge.web.serve import WebServer


def build_web(installation: Installation) -> Flask:
    """Join the pages of an installation."""
    from sqlalchemy.orm import sessionmaker

    from pacs_bridge.db.accounts import AccountStore
    from pacs_bridge.db.queries import Queries
    from pacs_bridge.db.trouble import TellingSession
    from pacs_bridge.services.adopt import adopt_association, forget_caller
    from pacs_bridge.services.audit import record_event
    from pacs_bridge.services.plan import queue_verify, start_again
    from pacs_bridge.services.search_notes import accept_names
    from pacs_bridge.services.sending_status import sending_status
    from pacs_bridge.services.site_pack import orders_for, site_pack
    from pacs_bridge.services.workstation import check_workstation, what_to_check
    from pacs_bridge.web.app import WebServices, WebSettings, create_app

    config, begin, now = installation.config, installation.begin, installation.now
    read, write = (
        sessionmaker(engine, class_=TellingSession, expire_on_commit=False)
        for engine in (installation.reading_engine, installation.engine)
    )

    return create_app(
        WebSettings(
            secret=config.secret("web_secret"),
            idle=timedelta(minutes=config.security.idle_minutes),
            cookie_secure=config.security.cookie_secure,
        ),
        WebServices(
            now=now,
            accounts=AccountStore(read, write),
            queries=Queries(read),
            watch=installation.watch,
            start_load=partial(start_again, begin=begin, now=now),
            verify_load=partial(queue_verify, begin=begin, now=now),
            accept_names=partial(accept_names, accession=None, begin=begin, now=now),
            record=partial(record_event, begin=begin, now=now),
            adopt=partial(
                adopt_association, our_ae_title=config.node.ae_title, begin=begin, now=now
            ),
            forget=partial(forget_caller, begin=begin, now=now),
            what_to_check=partial(what_to_check, begin=installation.read),
            check_workstation=partial(check_workstation, begin=begin, now=now),
            site_pack=partial(
                site_pack, begin=installation.read, node=our_node(installation.config)
            ),
            orders_for=partial(orders_for, begin=installation.read, now=now),
            sending=partial(sending_status, begin=installation.read, now=now),
            reading=build_reading(installation),
            who=build_who(installation),
            feedback=feedback_services(begin, installation.read, now, within_of(config)),
            isolation=build_isolation(installation),
            copies=build_copies_pages(begin, installation.read, now),
        ),
    )


def serve_web(installation: Installation) -> WebServer:
    """Serve the pages in a thread until the server is closed; port 0 takes a free one."""
    from pacs_bridge.web.serve import WebServer
    from pacs_bridge.wiring.database import check_database

    check_database(installation)
    config = installation.config.web
    return WebServer(build_web(installation), config.host, config.port)
