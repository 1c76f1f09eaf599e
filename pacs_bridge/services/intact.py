"""Intact, not only present: a sample of a load is fetched back and compared with what was sent.

A query proves that a PACS knows of an image. Whether a reader will see what we sent, only the
image itself tells: PACS compress with loss, rewrite attributes and drop others. A load of which
images came back so is *amber*: still ready, and its contact is told once what changed. Images
that came back with other content, in pixels, size, grey levels or side, are a *conflict*: the
sweep that follows says so beside their cases, and the load is not ready.

References
----------
DESIGN.md 5; QUIRKS.md C2, C6.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.caseset import Case, Instance, Passport, Series, Study
from pacs_bridge.domain.errors import PacsBridgeError, PeerUnavailable, RefusedInput
from pacs_bridge.domain.intact import Change, Grade, IntactCheck, count_changes
from pacs_bridge.domain.loading import InstanceState, Load, Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.domain.retrieving import MOST_INSTANCES, Asked, Kind, Retriever
from pacs_bridge.services.compare_image import LOSSY_SYNTAXES, compare_image, size_of
from pacs_bridge.services.fetch import fetch, kinds_of
from pacs_bridge.services.mails import mail_contacts
from pacs_bridge.services.moved import Moved, never_comes

SAMPLE = 8
"""Images that are drawn beside the practice cases."""

AGAIN = timedelta(days=7)
"""How old a check of a ready load may become."""

_Wanted = tuple[Study, Series, tuple[Instance, ...]]


def check_load(
    load_id: int,
    *,
    begin: Begin,
    peer: Retriever,
    archive: Archive,
    now: Clock,
    every: bool = False,
    sample: int = SAMPLE,
    moved: Moved = never_comes,
    scratch: Path | None = None,
    public_url: str = "",
) -> IntactCheck:
    """Fetch images of a load back, compare them with what was sent, and keep what came of it.

    Parameters
    ----------
    every : bool
        Compare every image that was sent; else those of the practice cases and `sample`
        others, drawn anew at each check, and the same ones wherever it is repeated; and those
        that came back with other content the last time.
    moved : callable
        Waits for images that a C-MOVE sends to our node; see `services.moved`.
    scratch : Path, optional
        Folder for what comes back, a series at a time; else the system's own.

    Raises
    ------
    NotFound
        When there is no such load.
    RefusedInput
        When nothing of it was sent yet.
    PeerUnavailable
        When the PACS does not answer; ask again later.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
        pacs = uow.pacs.get(load.pacs)
        passport = uow.case_sets.get(load.set_name, load.copy)
        ledger = uow.loads.ledger(load_id)
        before = uow.intact.find(load_id)
    there = {
        row.sop_instance_uid
        for row in ledger
        if row.state in (InstanceState.STORED, InstanceState.WARNED)
    }
    if not there:
        raise RefusedInput(
            f"{load.pacs} has no image of {load.set_name} yet; send it with `load start`."
        )
    seed = f"{load.set_name}-{load.pacs}-{load.run}-{now():%Y%m%d}"
    again = set() if before is None else set(before.grave)
    wanted = _choose(passport, there, seed, None if every else sample, again)
    desk = _Desk(pacs, peer, archive, moved, scratch)
    desk.patients = {
        study.study_instance_uid: case.patient_id
        for case in passport.cases
        for study in case.studies
    }
    for each in wanted:
        desk.ask(*each)
    changes, images = count_changes(desk.found)
    check = IntactCheck(
        load_id,
        len(desk.found),
        len(there),
        desk.by,
        now(),
        changes,
        images,
        desk.trouble,
        {uid: size for uid, size in desk.sizes.items() if uid in images},
    )
    with begin() as uow:
        _keep(uow, load, check, public_url)
    return check


def _keep(uow: UnitOfWork, load: Load, check: IntactCheck, public_url: str) -> None:
    """Keep a check; tell the contacts, once for each thing that is wrong."""
    uow.intact.put(check)
    subject = f"{load.set_name} {load.pacs}"
    uow.events.add(
        check.checked_at,
        "load-fetched-back",
        subject,
        grade=check.grade.value,
        compared=check.compared,
        changes=[change.name for change in check.changes],
    )
    if check.grade is Grade.CONFLICT:  # what follows is for the sweep to say
        stamp = int(check.checked_at.timestamp())
        key = f"verify-{load.load_id}-fetched-{stamp}"
        uow.enqueue("verify", load.load_id, key=key, partition=load.pacs)
    if check.grade is not Grade.AMBER:
        return
    what = hashlib.sha256("".join(c.name for c in check.changes).encode()).hexdigest()[:8]
    mail_contacts(
        uow,
        load,
        f"amber-{load.load_id}-{what}",
        f"{load.set_name} in {load.pacs}: images come back changed",
        [check.sentence, "Readers may go on reading; please see to it before the next round."],
        check.checked_at,
        public_url,
    )


def checks_due(*, begin: Begin, now: Clock, again: timedelta = AGAIN) -> int:
    """Queue a check for each ready load without one, or with an old one; gives how many.

    Called by the clock; repeating it queues nothing twice.
    """
    moment = now()
    with begin() as uow:
        due = []
        for load in uow.loads.all():
            if load.readiness is not Readiness.READY:
                continue
            last = uow.intact.find(load.load_id)
            if last is None or moment - last.checked_at >= again or _is_newer(load, last):
                due.append((load, last))
        for load, last in due:
            stamp = 0 if last is None else int(last.checked_at.timestamp())
            hour = int(moment.timestamp()) // 3600  # one that failed is tried again, not at once
            key = f"intact-{load.load_id}-{load.run}-{stamp}-{hour}"
            uow.enqueue("check_intact", load.load_id, key=key, partition=load.pacs)
        return len(due)


def _is_newer(load: Load, last: IntactCheck) -> bool:
    return load.last_sent_at is not None and load.last_sent_at > last.checked_at


def intact_of(load_id: int, *, begin: Begin) -> IntactCheck | None:
    """Give the last check of a load; None where there was none."""
    with begin() as uow:
        return uow.intact.find(load_id)


def _choose(
    passport: Passport, there: set[str], seed: str, sample: int | None, again: set[str]
) -> list[_Wanted]:
    """Choose images, by series: those of the practice cases, some of the others, and `again`."""
    tests = [i for c in passport.cases if c.kind == "test" for i in _there(c.instances(), there)]
    drawn = {i.sop_instance_uid for i in tests}
    if sample is not None and sample < len(tests):
        chance = random.Random(seed)  # noqa: S311  not a secret: it is to be repeatable
        drawn = {i.sop_instance_uid for i in chance.sample(tests, sample)}
    wanted = []
    for case in passport.cases:
        chosen = there if case.kind == "practice" else drawn | again
        wanted += _of_case(case, chosen & there)
    return wanted


def _of_case(case: Case, chosen: set[str]) -> list[_Wanted]:
    found = []
    for study in case.studies:
        for series in study.series:
            images = tuple(_there(series.instances, chosen))
            found += [
                (study, series, images[start : start + MOST_INSTANCES])
                for start in range(0, len(images), MOST_INSTANCES)
            ]
    return found


def _there(images: Iterable[Instance], chosen: set[str]) -> list[Instance]:
    return [image for image in images if image.sop_instance_uid in chosen]


@dataclass
class _Way:
    """One way of having images back, as long as it works."""

    name: str
    call: Callable[[Study, Series, Sequence[Instance], Path], dict[str, Path]]
    refusal: str = ""
    brought: bool = False


class _Desk:
    """Has images back by C-GET, else by C-MOVE, and compares each."""

    def __init__(
        self,
        pacs: Pacs,
        peer: Retriever,
        archive: Archive,
        moved: Moved,
        scratch: Path | None,
    ) -> None:
        self.found: dict[str, list[Change]] = {}
        self.sizes: dict[str, tuple[int, int]] = {}
        self._pacs, self._peer, self._archive = pacs, peer, archive
        self._moved, self._scratch = moved, scratch
        self.patients: dict[str, str] = {}
        self._ways = [_Way("C-GET", self._get), _Way("C-MOVE", self._move)]

    @property
    def by(self) -> str:
        """How images came back."""
        return ", ".join(way.name for way in self._ways if way.brought)

    @property
    def trouble(self) -> str:
        """Why nothing is proven, where nothing came back at all; else empty."""
        if self.found:
            return ""
        said = "; ".join(f"{way.name}: {way.refusal}" for way in self._ways if way.refusal)
        return (
            f"Your PACS gives us no image back, so we cannot see whether they are intact ({said}): "
            f"let {self._pacs.our_ae_title} fetch from it, by C-GET or by C-MOVE to our address."
        )

    def ask(self, study: Study, series: Series, images: Sequence[Instance]) -> None:
        """Have images of one series back and compare them."""
        with TemporaryDirectory(dir=self._scratch, prefix="fetched-") as folder:
            missing = {image.sop_instance_uid: image for image in images}
            answered = False
            for way in self._ways:
                if way.refusal or not missing:
                    continue
                came = self._try(way, study, series, list(missing.values()), Path(folder))
                answered = answered or not way.refusal
                for uid, path in came.items():
                    image = missing.pop(uid)
                    sent = self._archive.path(image.content_hash)
                    self.found[uid] = compare_image(path, sent, image)
                    if Change.SIZE in self.found[uid] and (size := size_of(path)):
                        self.sizes[uid] = size
                    path.unlink(missing_ok=True) if path.is_relative_to(folder) else None
            if answered or any(way.brought for way in self._ways):
                self.found |= {uid: [Change.ABSENT] for uid in missing}

    def _try(
        self,
        way: _Way,
        study: Study,
        series: Series,
        images: Sequence[Instance],
        folder: Path,
    ) -> dict[str, Path]:
        wanted = {image.sop_instance_uid for image in images}
        try:
            came = way.call(study, series, images, folder)
        except PeerUnavailable as error:
            if error.phase in ("name", "connect", "TLS") or "rejected transient" in str(error):
                raise  # nothing can be learned of a PACS that is away, or has no place for us now
            if not way.brought:
                way.refusal = error.detail or f"failed at: {error.phase}"
            return {}
        except _RefusedError as refused:
            if not way.brought:
                way.refusal = str(refused)
            return {}
        way.brought = way.brought or bool(came)
        return {uid: path for uid, path in came.items() if uid in wanted}

    def _get(
        self, study: Study, series: Series, images: Sequence[Instance], folder: Path
    ) -> dict[str, Path]:
        came, refusal = dict[str, Path](), ""
        try:
            came = self._get_as(study, series, images, folder, kinds_of(images))
        except _RefusedError as refused:
            refusal = str(refused)
        missing = [image for image in images if image.sop_instance_uid not in came]
        if missing:  # it may hold them in a form that has lost something, and in no other
            classes = dict.fromkeys(image.sop_class_uid for image in missing)
            kinds = [(uid, (syntax,)) for uid in classes for syntax in LOSSY_SYNTAXES]
            with suppress(PeerUnavailable, _RefusedError):
                came |= self._get_as(study, series, missing, folder, kinds)
        if refusal and not came:
            raise _RefusedError(refusal)
        return came

    def _get_as(
        self,
        study: Study,
        series: Series,
        images: Sequence[Instance],
        folder: Path,
        kinds: Sequence[Kind],
    ) -> dict[str, Path]:
        asked = self._asked(study, series, images)
        answer, files = fetch(self._pacs, asked, folder, peer=self._peer, kinds=kinds)
        if not files and answer.status not in (0x0000, 0xB000):
            raise _RefusedError(f"it answered 0x{answer.status:04X}")
        return {each.sop_instance_uid: each.path for each in files}

    def _move(
        self, study: Study, series: Series, images: Sequence[Instance], _folder: Path
    ) -> dict[str, Path]:
        uids = [image.sop_instance_uid for image in images]
        if self._moved is never_comes:
            raise _RefusedError("our node does not run, so nothing can be sent to it")
        with self._moved(uids) as arrived:
            answer = self._peer.move(self._pacs, self._asked(study, series, images))
            if answer.status == 0xA801:
                raise _RefusedError("it does not know our AE title with our address")
            if answer.status not in (0x0000, 0xB000):
                raise _RefusedError(f"it answered 0x{answer.status:04X}")
            came = arrived()
        if not came:
            raise _RefusedError("it says that it sent them, and none arrived at our node")
        return came

    def _asked(self, study: Study, series: Series, images: Sequence[Instance]) -> Asked:
        return Asked(
            study.study_instance_uid,
            series.series_instance_uid,
            tuple(image.sop_instance_uid for image in images),
            self.patients.get(study.study_instance_uid, ""),
        )


class _RefusedError(PacsBridgeError):
    """A PACS answered that it will not; inside this module alone."""
