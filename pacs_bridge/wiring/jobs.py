"""The jobs role: the engine, with every service it calls, and the built-in scorer."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.domain.marks import ReadObject
    from pacs_bridge.jobs.engine import Jobs
    from pacs_bridge.jobs.limits import LimitedReader
    from pacs_bridge.jobs.names import Part
    from pacs_bridge.scoring.server import ScoringServer
    from pacs_bridge.services.audit_drain import AuditDrain
    from pacs_bridge.services.extract import ToRead
    from pacs_bridge.sr.site_words import SiteWords


def read_archived(asked: ToRead | Path) -> ReadObject:
    """Read the marks out of one archived file; runs in the limited child process."""
    from pacs_bridge.sr.files import images_of, open_received
    from pacs_bridge.sr.read import read_object

    if isinstance(asked, Path):
        return read_object(open_received(asked))
    room = images_of(asked.images).room if asked.images else None
    return read_object(open_received(asked.path), asked.words, room)


def prepare_reading() -> None:
    """Take in what reading needs, before an object's time runs; in the limited child process."""
    from pydicom import datadict, dcmread  # noqa: F401

    from pacs_bridge.sr import files, read  # noqa: F401


def read_words(folder: Path) -> dict[str, SiteWords]:
    """Read the short forms of each PACS's readers: one file a PACS, ``<its name>.toml``.

    Raises
    ------
    RefusedInput
        When a file is none, or says what is not understood; the message names it.
    """
    import tomllib

    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.sr.site_words import site_words

    words = {}
    for file in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        try:
            words[file.stem] = site_words(tomllib.loads(file.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise RefusedInput(f"{file.name} of the words is no valid TOML; mend it.") from error
        except RefusedInput as error:
            raise RefusedInput(f"{file.name} of the words: {error}") from error
    return words


@dataclass
class JobsRole:
    """Everything that the jobs role runs.

    Parameters
    ----------
    scorer : ScoringServer or None
        The built-in one, where no other is configured and this process forwards.
    audit : AuditDrain or None
        Where this process keeps the time.
    """

    jobs: Jobs
    reader: LimitedReader[ToRead | Path, ReadObject]
    scorer: ScoringServer | None
    audit: AuditDrain | None

    def start(self) -> None:
        """Begin serving the queues."""
        self.jobs.start()
        if self.audit is not None:
            self.audit.start()

    def stop(self) -> None:
        """End in the order of dependence, within a few seconds."""
        self.jobs.stop()
        self.reader.close(0.5)
        if self.scorer is not None:
            self.scorer.close()
        if self.audit is not None:
            self.audit.stop()


_NOWHERE = "http://127.0.0.1:9"  # of a process that forwards nothing


def build_scorer(installation: Installation) -> ScoringServer:
    """Start the built-in scorer on a free port of this machine."""
    from pacs_bridge.scoring.server import ScorerConfig, create_app, serve

    config = ScorerConfig(
        database=installation.config.home / "scoring.sqlite",
        secret_file=installation.config.home / "keys" / "scoring_hmac",
    )
    return serve(create_app(config), "127.0.0.1", 0)


def build_jobs(installation: Installation, part: Part | None = None) -> JobsRole:
    """Join the jobs role of an installation, or the part of it that one process has."""
    from pacs_bridge.jobs.engine import Jobs
    from pacs_bridge.jobs.limits import LimitedReader
    from pacs_bridge.jobs.names import FORWARD, WHOLE
    from pacs_bridge.jobs.workflows import LoadPace, Services
    from pacs_bridge.scoring.client import HttpScorer
    from pacs_bridge.services.arrivals import hand_over
    from pacs_bridge.services.came_back import judge_image
    from pacs_bridge.services.close import close_reading, end_rounds
    from pacs_bridge.services.extract import extract_object, park_object
    from pacs_bridge.services.forward import deliver_truth, forward_reading
    from pacs_bridge.services.handshake import judge_overdue
    from pacs_bridge.services.mails import deliver_mail
    from pacs_bridge.services.release import release_due
    from pacs_bridge.services.reread import reread_due
    from pacs_bridge.services.send import note_load, park_load, reopen_missing, send_next
    from pacs_bridge.services.tidy import Tidying
    from pacs_bridge.services.verify import verify_load
    from pacs_bridge.services.watch import WatchTimes, watch_due
    from pacs_bridge.sr.site_words import NATIONAL
    from pacs_bridge.wiring.audit import build_drain
    from pacs_bridge.wiring.checks import build_check, check_jobs
    from pacs_bridge.wiring.commitment import commitment_jobs
    from pacs_bridge.wiring.database import check_database
    from pacs_bridge.wiring.feedback import feedback_jobs
    from pacs_bridge.wiring.isolation import isolation_jobs
    from pacs_bridge.wiring.peers import build_mailer, build_peer
    from pacs_bridge.wiring.pulling import pull_jobs
    from pacs_bridge.wiring.reader_copies import copy_jobs, tidy_with_copies
    from pacs_bridge.wiring.reports import build_keeper
    from pacs_bridge.wiring.sending import sending_jobs, sending_options

    check_database(installation)
    config, begin, now = installation.config, installation.begin, installation.now
    part = part or WHOLE
    has_own = FORWARD in part.lanes and not config.scoring.url
    server = build_scorer(installation) if has_own else None
    url = config.scoring.url if server is None else server.url
    scorer = HttpScorer(url or _NOWHERE, config.secret("scoring_hmac"), config.scoring.timeout)
    reader: LimitedReader[ToRead | Path, ReadObject] = LimitedReader(
        read_archived, prepare=prepare_reading
    )
    words = read_words(config.home / config.marks.words)
    peer, archive = build_peer(installation), installation.archive
    loading, settle, stopping = config.loading, config.marks.settle, threading.Event()
    services = Services(
        send_next=partial(
            send_next,
            begin=begin,
            peer=peer,
            archive=archive,
            now=now,
            attempts=loading.attempts,
            stopping=stopping.is_set,
            **sending_options(installation),
        ),
        verify_load=partial(
            verify_load,
            begin=begin,
            peer=peer,
            now=now,
            grace=loading.grace_seconds,
            public_url=config.web.public_url,
            look_at=build_check(installation),
        ),
        reopen_missing=partial(reopen_missing, begin=begin, now=now),
        note_load=partial(note_load, begin=begin),
        park_load=partial(park_load, begin=begin, now=now, public_url=config.web.public_url),
        extract_object=partial(
            extract_object,
            begin=begin,
            archive=archive,
            read_file=reader,
            now=now,
            settle=settle,
            words_of=lambda pacs: words.get(pacs, NATIONAL),
            look=installation.read,
        ),
        park_object=partial(park_object, begin=begin, now=now),
        judge_image=partial(judge_image, begin=begin, archive=archive, now=now),
        close_reading=partial(close_reading, begin=begin, now=now, settle=settle),
        forward_reading=partial(
            forward_reading,
            begin=begin,
            scorer=scorer,
            now=now,
            archive=archive,
            keep=build_keeper(installation).keep,
            look=installation.read,
        ),
        deliver_truth=partial(deliver_truth, begin=begin, scorer=scorer, now=now),
        deliver_mail=partial(deliver_mail, begin=begin, mailer=build_mailer(installation), now=now),
        hand_over=partial(hand_over, begin=begin, read=installation.read, archive=archive),
        tidy=tidy_with_copies(Tidying(read=installation.read, archive=archive), archive),
        handshakes_due=partial(judge_overdue, begin=begin, now=now),
        reread_due=partial(reread_due, begin=begin, now=now, settle=settle),
        **commitment_jobs(installation),
        **sending_jobs(installation),
        **check_jobs(installation),
        **feedback_jobs(installation, stopping),
        **pull_jobs(installation),
        **isolation_jobs(installation),
        **copy_jobs(installation),
        release_due=partial(release_due, begin=begin, now=now, public_url=config.web.public_url),
        end_due=partial(end_rounds, begin=begin, now=now),
        watch_due=partial(
            watch_due,
            begin=begin,
            now=now,
            times=WatchTimes(
                ready=timedelta(hours=loading.verify_hours),
                awaiting=timedelta(minutes=loading.await_minutes),
            ),
        ),
        pace=LoadPace(
            chunk=loading.chunk,
            first_verify=loading.first_verify_seconds,
            retry=loading.retry_seconds,
            max_retry=loading.max_retry_seconds,
            grace=loading.grace_seconds,
            attempts=loading.attempts,
        ),
    )
    jobs = Jobs(config.database_url, services, part, stopping=stopping)
    drain = build_drain(installation) if part.keeps_time else None
    return JobsRole(jobs, reader, server, drain)
