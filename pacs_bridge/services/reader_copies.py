"""Copies of a case set, one a reader: planned, agreed to, made, loaded; and whose each is.

Nobody's disk is filled unasked: what the copies take at the PACS is shown first, and nothing is
made or sent before somebody agrees to that very amount. On our side a copy costs its passport
alone; its files are made of the master's while they are sent (`archive.renamed`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pydicom import dcmread

from pacs_bridge.archive.renamed import NamedFile, name_files, open_renamed
from pacs_bridge.archive.renaming import Renaming, renaming_of
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.deid.pixels import pixel_hash
from pacs_bridge.domain.caseset import Case, Instance, Passport
from pacs_bridge.domain.errors import GiveUp, RefusedInput, UnreadableObject
from pacs_bridge.domain.identifiers import SetName, parse_name
from pacs_bridge.domain.loading import LEAVING, Readiness
from pacs_bridge.domain.pacs import Isolation, Pacs
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.domain.reader_copies import (
    CopiesPlan,
    CopyNaming,
    PlannedCopy,
    ReaderCopy,
    pair_images,
    plan_numbers,
    told_size,
)
from pacs_bridge.services.copy_owner import owner_in
from pacs_bridge.services.passports import sign_passport
from pacs_bridge.services.plan import start_load

Progress = Callable[[int, int], None]
"""Told how many images are done, of how many."""


def copy_of(reader: str, set_name: str, *, begin: Begin) -> int:
    """Tell which copy of a set a reader reads, by their enrolment; 0 for the master."""
    with begin() as uow:
        enrolment = uow.enrolments.find(str(SetName.parse(set_name)), reader)
        return 0 if enrolment is None else enrolment.copy


def owner_of(copy: int, set_name: str, pacs: str, *, begin: Begin) -> str | None:
    """Tell whose a copy of a set is at a PACS; None for the master, and where it is nobody's."""
    with begin() as uow:
        return owner_in(uow, copy, str(SetName.parse(set_name)), parse_name(pacs))


def plan_copies(set_name: str, pacs: str, *, begin: Begin) -> CopiesPlan:
    """Tell what the readers' copies of a set take at a PACS; makes nothing.

    Raises
    ------
    NotFound
        When there is no such set or PACS.
    RefusedInput
        When the PACS is not set to copies.
    """
    name, hospital = str(SetName.parse(set_name)), parse_name(pacs)
    with begin() as uow:
        return _plan(uow, name, hospital)


def list_plans(pacs: Collection[str] | None, *, begin: Begin) -> list[CopiesPlan]:
    """Tell of every set with a round what its copies take at each PACS that is set to copies.

    Parameters
    ----------
    pacs : collection of str or None
        Which PACS may be told of; None for all.
    """
    with begin() as uow:
        return [
            _plan(uow, line.name, each.name)
            for each in uow.pacs.all()
            if each.isolation is Isolation.COPIES and (pacs is None or each.name in pacs)
            for line in uow.case_sets.lines()
            if not line.copy and uow.rounds.find(line.name) is not None
        ]


def _plan(uow: UnitOfWork, set_name: str, pacs: str) -> CopiesPlan:
    master, known = uow.case_sets.get(set_name), uow.pacs.get(pacs)
    _check_mode(known)
    given = uow.reader_copies.given(set_name, pacs)
    have = {each.reader for each in given}
    enrolled = [e for e in uow.enrolments.on_pacs(set_name, pacs) if e.way == "native"]
    staying = [e.reader for e in enrolled if e.reader not in have and _has_begun(uow, e)]
    wanted = [e.reader for e in enrolled if e.reader not in (*have, *staying)]
    numbers = plan_numbers([each.reader for each in given] + wanted, given)
    images = [image.size for *_, image in master.instances()]
    loads = {
        load.copy: load
        for load in uow.loads.all()
        if (load.set_name, load.pacs) == (set_name, pacs)
    }
    copies = [
        PlannedCopy(
            reader,
            copy,
            len(images),
            sum(images),
            agreed=reader in have,
            readiness=loads[copy].readiness.value if copy in loads else "",
        )
        for reader, copy in numbers.items()
    ]
    copies.sort(key=lambda each: each.copy)
    return CopiesPlan(
        set_name,
        pacs,
        tuple(copies),
        master.cases[-1].accession,
        tuple(sorted(staying)),
        _failure(uow, set_name, pacs),
    )


def _failure(uow: UnitOfWork, set_name: str, pacs: str) -> str:
    """Say why the copies could not be made the last time; empty where they were."""
    ends = [
        event
        for kind in ("copies-made", "copies-not-made")
        for event in uow.events.newest(kind=kind)
        if event.subject == f"{set_name} {pacs}"
    ]
    newest = max(ends, key=lambda event: event.event_id, default=None)
    return "" if newest is None else str(newest.detail.get("reason", ""))


def _check_mode(pacs: Pacs) -> None:
    if pacs.isolation is not Isolation.COPIES:
        raise RefusedInput(
            f"Readers at {pacs.name} read by {pacs.isolation.value}, not by copies; change that "
            f"first with `pacs change {pacs.name} --isolation copies`."
        )


def _has_begun(uow: UnitOfWork, enrolment: Enrolment) -> bool:
    """Whether a reader has begun the test part: they go on where they began."""
    readings = uow.readings.of_reader(enrolment.reader, enrolment.set_name)
    return any(state.kind == "test" for state in readings)


def agree_copies(
    set_name: str,
    pacs: str,
    size: int,
    *,
    begin: Begin,
    now: Clock,
    account_id: int | None = None,
) -> CopiesPlan:
    """Agree to what the copies take, give each reader theirs, and queue that they are made.

    Agreeing again to what was agreed to already has the job done once more, which sends only
    what is missing.

    Parameters
    ----------
    size : int
        The bytes that were shown as still to be agreed to (`CopiesPlan.to_agree`).
    account_id : int, optional
        Who agrees; None from the command line.

    Returns
    -------
    CopiesPlan
        As it stands afterwards.

    Raises
    ------
    NotFound
        When there is no such set or PACS.
    RefusedInput
        When the PACS is not set to copies, nobody is enrolled, or another amount was shown.
    """
    name, hospital = str(SetName.parse(set_name)), parse_name(pacs)
    with begin() as uow:
        plan = _plan(uow, name, hospital)
        if not plan.copies:
            raise RefusedInput(
                f"Nobody at {hospital} is enrolled to read {name} in its viewer; enrol readers "
                "first with `account enrol`."
            )
        if size != plan.to_agree:
            raise RefusedInput(
                f"The copies now take {told_size(plan.to_agree)} more, not {told_size(size)}: "
                "readers were enrolled meanwhile. Look at the new amount, then agree to it."
            )
        moment = now()
        for each in plan.copies:
            copy = ReaderCopy(name, hospital, each.copy, each.reader)
            uow.reader_copies.give(copy, each.size, moment, account_id)
        told = {str(each.copy): each.reader for each in plan.copies if not each.agreed}
        if told:
            uow.events.add(
                moment, "copies-agreed", f"{name} {hospital}", bytes=size, by=account_id, **told
            )
        key = f"make_copies-{name}-{hospital}-{moment.timestamp():.3f}"
        uow.enqueue("make_copies", name, hospital, key=key, partition=hospital)
        return _plan(uow, name, hospital)


@dataclass(frozen=True)
class Making:
    """What making copies needs beside the database.

    Parameters
    ----------
    key_uid, key_passport : bytes
        Keys of the UIDs (HMAC) and of the passport (Ed25519, 32 raw bytes).
    progress : callable, optional
        Told after each image.
    """

    archive: Archive
    key_uid: bytes
    key_passport: bytes
    progress: Progress | None = None


def make_copies(
    set_name: str, pacs: str, *, begin: Begin, making: Making, now: Clock
) -> tuple[int, ...]:
    """Make what was agreed to: passports, enrolments, loads; gives the numbers of the copies.

    Doing it again makes nothing twice, and starts each load that is not ready again.

    Raises
    ------
    GiveUp
        When an image of the master was changed or is gone, or the PACS is no longer set to
        copies; the reason is shown where the copies are.
    """
    try:
        given = _make_passports(set_name, pacs, begin=begin, making=making, now=now)
        with begin() as uow:
            for each in [each for each in given if _move(uow, each)]:
                moment, copy = now(), each.copy
                uow.events.add(moment, "reader-moved-to-copy", each.reader, set=set_name, copy=copy)
        for each in given:
            _start(each, begin=begin, now=now)
    except GiveUp as error:
        with begin() as uow:
            uow.events.add(now(), "copies-not-made", f"{set_name} {pacs}", reason=str(error))
        raise
    with begin() as uow:
        uow.events.add(now(), "copies-made", f"{set_name} {pacs}", copies=len(given))
    return tuple(each.copy for each in given)


def _make_passports(
    set_name: str, pacs: str, *, begin: Begin, making: Making, now: Clock
) -> list[ReaderCopy]:
    """Make the passports that are missing; gives every copy that was given out."""
    with begin() as uow:
        master, known = uow.case_sets.get(set_name), uow.pacs.get(pacs)
        _check_mode(known)
        given = uow.reader_copies.given(set_name, pacs)
        missing = [e.copy for e in given if uow.case_sets.find(set_name, e.copy) is None]
    for copied in copied_passports(master, missing, making, now):
        masters = pair_images(master, copied)
        with begin() as uow:
            if uow.case_sets.find(set_name, copied.copy) is None:
                uow.case_sets.add(copied)
                uow.reader_copies.keep_images(copied, masters)
    return given


def _move(uow: UnitOfWork, copy: ReaderCopy) -> bool:
    """Let a reader read their own copy from now on; they are released when it is ready."""
    enrolment = uow.enrolments.find(copy.set_name, copy.reader)
    here = {e.reader for e in uow.enrolments.on_pacs(copy.set_name, copy.pacs)}
    if enrolment is None or enrolment.copy == copy.copy or copy.reader not in here:
        return False
    uow.enrolments.move(copy.set_name, copy.reader, copy.copy)
    return True


def _start(copy: ReaderCopy, *, begin: Begin, now: Clock) -> None:
    """Start the load of a copy, unless it is ready or was withdrawn on purpose."""
    with begin() as uow:
        load = uow.loads.find(copy.set_name, copy.pacs, copy.copy)
        enrolled = {e.reader for e in uow.enrolments.on_pacs(copy.set_name, copy.pacs)}
    if copy.reader not in enrolled or (load is not None and load.readiness in _LEFT_ALONE):
        return
    start_load(copy.set_name, copy.pacs, begin=begin, now=now, copy=copy.copy)


_LEFT_ALONE = (Readiness.READY, *LEAVING)


def copied_passports(
    master: Passport, copies: Sequence[int], making: Making, now: Clock
) -> list[Passport]:
    """Make the passports of several copies, reading each of the master's files once.

    The pixels of a copy are the master's byte for byte, and the master's file is the very one
    whose decoded pixels were hashed: so the passport's hash of them holds for the copy. For the
    first case, which every reader opens first, it is seen by decoding the copy, too.
    """
    namings = [CopyNaming(making.key_uid, master.set_name, copy) for copy in copies]
    if not namings:
        return []
    files: dict[str, list[NamedFile]] = {}
    total = sum(1 for _ in master.instances())
    for done, (case, *_, image) in enumerate(master.instances(), 1):
        files[image.sop_instance_uid] = name_files(
            making.archive.path(image.content_hash),
            image.content_hash,
            [renaming_of(naming, case) for naming in namings],
        )
        if case == master.cases[0]:
            _prove_pixels(image, [renaming_of(naming, case) for naming in namings], making.archive)
        if making.progress is not None:
            making.progress(done, total)
    signed = []
    for place, naming in enumerate(namings):
        named = partial(_named_case, naming, files, place)
        cases = tuple(named(case) for case in master.cases)
        manifest = replace(
            master, copy=naming.copy, cases=cases, created_at=now(), key_id="", signature=""
        )
        signed.append(sign_passport(manifest, making.key_passport))
    return signed


def _prove_pixels(image: Instance, renamings: Sequence[Renaming], archive: Archive) -> None:
    """Decode an image of each copy, and hold it against what was signed."""
    for renaming in renamings:
        with open_renamed(archive.path(image.content_hash), renaming) as file:
            if pixel_hash(dcmread(file)) != image.pixel_hash:
                raise UnreadableObject(
                    "An image of a copy has other pixels than the master's; nothing of it is sent. "
                    "Tell the scheme's developers."
                )


def _named_case(
    naming: CopyNaming, files: dict[str, list[NamedFile]], place: int, master: Case
) -> Case:
    """Give a case of the copy with what its files are."""
    by_uid = {naming.uid(uid): named[place] for uid, named in files.items()}
    copied = naming.case(master)
    studies = []
    for study in copied.studies:
        series = [
            replace(
                each,
                instances=tuple(
                    replace(image, content_hash=file.content_hash, size=file.size)
                    for image in each.instances
                    for file in (by_uid[image.sop_instance_uid],)
                ),
            )
            for each in study.series
        ]
        studies.append(replace(study, series=tuple(series)))
    return replace(copied, studies=tuple(studies))
