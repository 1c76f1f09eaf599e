"""The steps of a demo round. Each drives the services, roles and contracts of the product."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pacs_bridge.cli.demo.outcome import Outcome
from pacs_bridge.cli.demo.processes import (
    Command,
    HospitalPacs,
    MailServer,
    ReaderAtViewer,
    free_ports,
    start_orthanc,
    start_sandbox_pacs,
)
from pacs_bridge.cli.terminal import console
from pacs_bridge.domain.errors import PacsBridgeError, PeerUnavailable
from pacs_bridge.domain.people import Enrolment, Role

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from pacs_bridge.wiring.installation import Installation

SET, TITLE, PACS, SITE = "PERFORMS121", "SA12 part 1", "hospital", "hospital"
PASSWORD_BYTES = 9
STEP_SECONDS = 600.0

CONFIG = """\
[node]
host = "127.0.0.1"
port = {node}
[web]
port = {web}
public_url = "http://127.0.0.1:{web}"
[mail]
host = "127.0.0.1"
port = {mail}
[marks]
settle = 1.0
[loading]
chunk = 64
first_verify_seconds = 0.5
retry_seconds = 1.0
"""


def the_readers() -> list[ReaderAtViewer]:
    """Three readers of different skill, each with another way of saving marks."""
    return [
        ReaderAtViewer("R001", "jsmith", "gsps", "expert"),
        ReaderAtViewer("R002", "apatel", "sr", "average"),
        ReaderAtViewer("R003", "mjones", "both", "trainee"),
    ]


class DemoRound:
    """One whole round in a fresh temporary home; a context manager that cleans up.

    Parameters
    ----------
    kind : str
        ``orthanc`` or ``sandbox``.
    cases : int
        How many cases; with fewer than 64 the first is practice, the rest test.
    """

    def __init__(self, kind: str, cases: int) -> None:
        self._kind, self._cases = kind, cases
        self.folder = Path(tempfile.mkdtemp(prefix="pacs-bridge-demo-"))
        self.home, self._images = self.folder / "home", self.folder / "images"
        self._stack = contextlib.ExitStack()
        self._passwords: dict[str, str] = {}
        self._web_port = 0
        self.readers = the_readers()
        self._hospital: HospitalPacs | None = None
        self._installation: Installation | None = None
        self._mail: MailServer | None = None
        self._arriving: TaskID | None = None
        self._saved = 0  # objects, by the readers' viewers
        self._apart = False  # whether the PACS was proven to keep readers apart

    def __enter__(self) -> DemoRound:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if error is None or isinstance(error, KeyboardInterrupt):
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            console(stderr=True).print(f"The logs of this round are kept in {self.folder}")

    def run(self) -> Outcome:
        """Run the round; progress on stderr."""
        begun = time.monotonic()
        with _progress() as progress:
            started = self._start_roles(progress)
            self._make_images(progress)
            started()
            installation = self._need()
            self._import_set(progress, installation)
            self._register_people(installation)
            self._load(progress, installation)
            self._keep_apart(progress, installation)
            self._read(progress, installation)
            outcome = self._await_scores(progress, installation)
        outcome.readers_apart = self._apart
        outcome.seconds = time.monotonic() - begun
        return outcome

    def _start_roles(self, progress: Progress) -> Callable[[], None]:
        """Make the home, start mail, roles and PACS in the background; gives how to join."""
        task = progress.add_task("Start node, jobs, web and the PACS", total=3)
        from pacs_bridge.wiring.home import make_home

        self._mail = MailServer()
        self._stack.callback(self._mail.stop)
        node, self._web_port = free_ports(2)
        self.home.mkdir(parents=True)
        text = CONFIG.format(node=node, web=self._web_port, mail=self._mail.port)
        (self.home / "config.toml").write_text(text, "utf-8")
        self._installation = make_home(self.home)
        progress.advance(task)
        roles = Command("pacs-bridge run", ["run", "--home", str(self.home)], self._log("run"))
        self._stack.callback(roles.stop)
        errors: list[PacsBridgeError] = []

        def start() -> None:
            try:
                self._hospital = self._start_pacs(node)
                self._stack.callback(self._hospital.stop)
                progress.advance(task)
                for role in ("scorer", "jobs", "node", "web"):
                    roles.wait_ready(role)
                progress.advance(task)
            except PacsBridgeError as error:
                errors.append(error)

        thread = threading.Thread(target=start)
        thread.start()

        def join() -> None:
            thread.join()
            if errors:
                raise errors[0]

        return join

    def _start_pacs(self, node: int) -> HospitalPacs:
        if self._kind == "orthanc":
            return start_orthanc(self.folder / "pacs", node)
        return start_sandbox_pacs(self.folder / "pacs", node, self._log("pacs"))

    def _make_images(self, progress: Progress) -> None:
        from pacs_bridge.sandbox.images import make_images

        make_images(self._images, self._cases, progress=_bar(progress, "Make mammograms"))

    def _import_set(self, progress: Progress, installation: Installation) -> None:
        from pacs_bridge.wiring.case_sets import import_set, import_truth_file

        import_set(
            installation,
            self._images,
            SET,
            title=TITLE,
            cases_csv=None,
            partial=self._cases < 64,
            progress=_bar(progress, "Import the case set"),
        )
        import_truth_file(installation, SET, self._images / "truth.json")

    def _register_people(self, installation: Installation) -> None:
        from pacs_bridge.services.pacs import PacsSettings, add_pacs
        from pacs_bridge.services.passwords import hash_password, make_password
        from pacs_bridge.services.people import (
            add_account,
            add_reader,
            add_site,
            enrol,
            open_round,
            set_alias,
        )
        from pacs_bridge.services.release import release_due

        hospital = self._hospital
        assert hospital is not None
        begin, now = installation.begin, installation.now
        release = partial(
            release_due, begin=begin, now=now, public_url=installation.config.web.public_url
        )
        add_pacs(
            PACS,
            ae_title=hospital.ae_title,
            host=hospital.host,
            port=hospital.port,
            settings=PacsSettings(isolation="private"),
            begin=begin,
            now=now,
        )
        add_site(SITE, pacs=PACS, begin=begin)
        open_round(
            SET,
            opens_at=now() - timedelta(hours=1),
            closes_at=now() + timedelta(days=60),
            begin=begin,
            release=release,
        )

        def account(email: str, role: Role, reader: str | None = None) -> None:
            self._passwords[email] = password = make_password()
            add_account(
                email,
                roles=[role],
                password_hash=hash_password(password),
                reader=reader,
                sites=[SITE],
                begin=begin,
                now=now,
            )

        account("admin@demo.example", Role.ADMIN)
        account("contact@demo.example", Role.CONTACT)
        for reader in self.readers:
            add_reader(reader.code, begin=begin, now=now)
            set_alias(PACS, reader.login, reader.code, begin=begin)
            account(f"{reader.login}@demo.example", Role.READER, reader.code)
            enrol(Enrolment(SET, reader.code, SITE, consent=True), begin=begin, release=release)

    def _load(self, progress: Progress, installation: Installation) -> None:
        from pacs_bridge.domain.loading import Readiness
        from pacs_bridge.services.plan import start_load

        load = start_load(SET, PACS, begin=installation.begin, now=installation.now)
        sending = progress.add_task("Send to the PACS", total=None)
        proving = progress.add_task("Prove by C-FIND", total=self._cases)
        for _ in _poll("the load"):
            with installation.read() as uow:
                counts, state = uow.loads.counts(load.load_id), uow.loads.get(load.load_id)
                proven = sum(v.complete == "proven" for v in uow.loads.verdicts(load.load_id))
            progress.update(sending, total=counts.total, completed=counts.confirmed)
            progress.update(proving, completed=proven)
            if state.readiness is Readiness.READY:
                return

    def _keep_apart(self, progress: Progress, installation: Installation) -> None:
        from pacs_bridge.cli.demo.apart import prove_apart

        assert self._hospital is not None
        task = progress.add_task("Prove that readers are kept apart", total=1)
        first, second, *_ = self.readers
        truth = self._images / "truth.json"
        self._apart = prove_apart(installation, self._hospital, first, second, SET, PACS, truth)
        progress.advance(task)

    def _read(self, progress: Progress, installation: Installation) -> None:
        assert self._hospital is not None
        with installation.read() as uow:
            released = {e.reader for e in uow.enrolments.on_pacs(SET, PACS) if e.released_at}
        for reader in self.readers:
            if reader.code in released:
                reader.start(
                    self._hospital, SET, self._images / "truth.json", self._log(reader.login)
                )
        task = progress.add_task("Readers read, marks arrive", total=len(released) * self._cases)
        self._arriving = task
        done = threading.Event()
        failures: list[PacsBridgeError] = []

        def wait() -> None:
            try:
                for reader in self.readers:
                    self._saved += int(reader.summary()["objects"])
            except PacsBridgeError as error:
                failures.append(error)
            finally:
                done.set()

        threading.Thread(target=wait, daemon=True).start()
        while not done.wait(0.5):
            progress.update(task, completed=self._touched(installation))
        if failures:
            raise failures[0]
        progress.update(task, completed=self._touched(installation))

    def _touched(self, installation: Installation) -> int:
        with installation.read() as uow:
            return sum(uow.readings.counts(SET).values())

    def _await_scores(self, progress: Progress, installation: Installation) -> Outcome:
        from pacs_bridge.cli.demo.report import gather

        expected = len(self.readers) * (self._cases - (4 if self._cases == 64 else 1))
        task = progress.add_task("Score the readings", total=expected)
        for _ in _poll("the scorer"):
            with installation.read() as uow:
                counts = uow.readings.counts(SET)
                arrived = uow.objects.counts()
            scored = sum(n for (_, state), n in counts.items() if state == "scored")
            progress.update(task, completed=scored)
            if self._arriving is not None:
                progress.update(self._arriving, completed=sum(counts.values()))
            # The last to arrive may open a reading again that was scored already.
            is_read = sum(arrived.values()) >= self._saved and not arrived.get("received")
            if scored >= expected and is_read:
                break
        assert self._mail is not None
        return gather(
            installation,
            self._kind,
            self.readers,
            SET,
            PACS,
            expected,
            mails=len(self._mail.mails),
        )

    def addresses(self) -> dict[str, Any]:
        """Where everything is while it is kept running."""
        assert self._hospital is not None
        return {
            "web": f"http://127.0.0.1:{self._web_port}/",
            "logins": self._passwords,
            "pacs": f"{self._hospital.ae_title} at {self._hospital.host}:{self._hospital.port}",
            "node": f"PACSBRIDGE at 127.0.0.1:{self._need().config.node.port}",
            "home": str(self.home),
        }

    def wait_for_interrupt(self) -> None:
        """Wait until Ctrl-C or SIGTERM."""
        import signal

        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        stopped.wait()

    def _need(self) -> Installation:
        assert self._installation is not None
        return self._installation

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def _poll(what: str) -> Iterator[None]:
    """Yield a few times a second, at most for the time that a step may take."""
    deadline = time.monotonic() + STEP_SECONDS
    pause = threading.Event()
    while time.monotonic() < deadline:
        yield
        pause.wait(0.3)
    raise PeerUnavailable(what, "answer", "it took longer than ten minutes")


def _progress() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description:<36}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), console=console(stderr=True),
    )  # fmt: skip


def _bar(progress: Progress, text: str) -> Callable[[int, int], None]:
    task = progress.add_task(text, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)
