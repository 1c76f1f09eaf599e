"""Trying what a PACS can do, on practice cases, and listing what appeared around them.

Nothing is sent, unless an administrator says so: services are offered and not used, questions are
asked about the practice cases of a set that was loaded, and one image is fetched back. What else
lies in or about those studies came from somewhere: a router that sends mammograms to an AI
service, a hanging protocol that saves presentation states, a gateway that makes secondary captures.

References
----------
QUIRKS.md C3-C5, C13; DESIGN.md 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.caseset import Case, Passport, Study
from pacs_bridge.domain.errors import GiveUp, PeerUnavailable
from pacs_bridge.domain.identifiers import parse_name
from pacs_bridge.domain.loading import Load
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock, PacsPeer
from pacs_bridge.domain.probing import Appeared, Fact, Offered, Prober, ProbeReport
from pacs_bridge.domain.retrieving import Asked, Retriever
from pacs_bridge.services.fetch import Folder, kinds_of
from pacs_bridge.services.site_pack import OurNode, SitePack, site_pack
from pacs_bridge.services.withdraw import REJECTION

PROBE = "probe"
"""Kind of the proof that is kept."""

_STORAGE, _MODELS = "1.2.840.10008.5.1.4.1.1.", "1.2.840.10008.5.1.4.1.2."
_SYNTAX = "1.2.840.10008.1.2"
_IMPLICIT = _SYNTAX

KINDS = {
    _STORAGE + "1.2": "mammogram",
    _STORAGE + "13.1.3": "tomosynthesis",
    _STORAGE + "7": "secondary capture",
    _STORAGE + "11.1": "presentation state",
    _STORAGE + "88.33": "comprehensive SR",
    _STORAGE + "88.50": "CAD SR",
    _STORAGE + "88.59": "key object selection",
}
SYNTAXES = {
    _SYNTAX + ".1": "Explicit LE",
    _SYNTAX: "Implicit LE",
    _SYNTAX + ".4.70": "JPEG Lossless SV1",
    _SYNTAX + ".4.80": "JPEG-LS lossless",
    _SYNTAX + ".4.90": "JPEG 2000 lossless",
    _SYNTAX + ".4.201": "HTJ2K lossless",
    _SYNTAX + ".5": "RLE",
}
_OTHERS = {
    "query, Study Root": ("query", _MODELS + "2.1"),
    "query, Patient Root": ("query", _MODELS + "1.1"),
    "C-MOVE, Study Root": ("retrieve", _MODELS + "2.2"),
    "C-GET, Study Root": ("retrieve", _MODELS + "2.3"),
    "storage commitment": ("commit", "1.2.840.10008.1.20.1"),
    "instance availability notification": ("store", "1.2.840.10008.5.1.4.33"),
}
_CAD = (_STORAGE + "88.50", _STORAGE + "88.65")
_MOST_CASES = 4
_SERIES = ("SeriesInstanceUID", "Modality", "SeriesDescription", "NumberOfSeriesRelatedInstances")


def probe_pacs(
    name: str,
    *,
    begin: Begin,
    prober: Prober,
    peer: PacsPeer,
    retriever: Retriever,
    now: Clock,
    node: OurNode,
    trial: Callable[[Pacs], Sequence[Fact]] | None = None,
    apart: Callable[[Pacs], Sequence[Fact]] | None = None,
) -> ProbeReport:
    """Try what a PACS can do, and keep what came of it.

    Parameters
    ----------
    trial : callable, optional
        Gives it synthetic objects, see `services.probe_store`; without it nothing is sent.
    apart : callable, optional
        Asks it how it keeps readers apart, see `services.isolation_ask`.

    Raises
    ------
    NotFound
        When there is no such PACS.
    PeerUnavailable
        When it does not answer at all, naming the phase.
    """
    with begin() as uow:
        pacs = uow.pacs.get(parse_name(name))
        load = _newest(uow, pacs.name)
        passport = None if load is None else uow.case_sets.get(load.set_name, load.copy)
        rejection = uow.proofs.find(pacs.name, REJECTION)
        callers = tuple(_callers(uow, pacs.name))
    peer.echo(pacs)
    facts = [Fact("echo", works=True), *_services(pacs, prober), *_storing(pacs, prober)]
    appeared: list[Appeared] = []
    pack: SitePack | None = None
    if passport is None or load is None:
        facts.append(Fact("questions about practice cases", None, "no set was loaded there yet"))
    else:
        pack = site_pack(load.set_name, pacs.name, begin=begin, node=node, copy=load.copy)
        cases = _practice(passport)
        facts += _questions(pacs, prober, passport, cases)
        facts += _fetching(pacs, retriever, cases[0])
        for case in cases:
            appeared += _around(pacs, prober, case)
    works = None if rejection is None else bool(rejection.body.get("works"))
    detail = "rehearse tries it" if rejection is None else f"tried {rejection.proven_at:%d %B %Y}"
    facts.append(Fact("rejection notes (IOCM)", works, detail))
    if apart is not None and passport is not None:
        facts += apart(pacs)
    if trial is not None:
        facts += trial(pacs)
    report = ProbeReport(
        pacs.name,
        now(),
        tuple(facts),
        tuple(appeared),
        callers,
        tuple(_advice(appeared, passport)),
        () if pack is None else _rule(pack),
        () if pack is None else pack.firewall,
    )
    with begin() as uow:
        uow.proofs.put(pacs.name, PROBE, report.as_dict(), now())
        uow.events.add(now(), "pacs-probed", pacs.name, appeared=len(appeared))
    return report


def _newest(uow: UnitOfWork, pacs: str) -> Load | None:
    sent = [each for each in uow.loads.all() if each.pacs == pacs and each.last_sent_at]
    return max(sent, key=lambda each: each.load_id, default=None)


def _practice(passport: Passport) -> Sequence[Case]:
    practice = [case for case in passport.cases if case.kind == "practice"]
    return (practice or list(passport.cases))[:_MOST_CASES]


def _services(pacs: Pacs, prober: Prober) -> Iterator[Fact]:
    for what, (role, uid) in _OTHERS.items():
        try:
            there = prober.accepted(pacs, role, [(uid, _IMPLICIT)])
        except PeerUnavailable as error:
            yield Fact(what, None, str(error))
            continue
        yield Fact(what, bool(there), "" if there else "not offered")


def _storing(pacs: Pacs, prober: Prober) -> Iterator[Fact]:
    offers: list[Offered] = [(kind, syntax) for kind in KINDS for syntax in SYNTAXES]
    try:
        there = prober.accepted(pacs, "store", offers)
    except PeerUnavailable as error:
        yield Fact("store", None, str(error))
        return
    for uid, words in KINDS.items():
        taken = [name for syntax, name in SYNTAXES.items() if (uid, syntax) in there]
        yield Fact(f"store {words}", bool(taken), ", ".join(taken) or "not taken")


def _questions(
    pacs: Pacs, prober: Prober, passport: Passport, cases: Sequence[Case]
) -> Iterator[Fact]:
    uids = [case.studies[0].study_instance_uid for case in cases]
    study = cases[0].studies[0]
    unique, counts = "StudyInstanceUID", "NumberOfStudyRelatedInstances"
    series = {unique: study.study_instance_uid}
    image = {**series, "SeriesInstanceUID": study.series[0].series_instance_uid}
    tries: list[tuple[str, str, Mapping[str, str], str, int]] = [
        ("find by one study UID", "STUDY", {unique: uids[0]}, unique, 1),
        ("find by a list of study UIDs", "STUDY", {unique: "\\".join(uids)}, unique, len(uids)),
        ("find by accession number", "STUDY", {"AccessionNumber": cases[0].accession}, unique, 1),
        (
            "find by wildcard",
            "STUDY",
            {"AccessionNumber": f"{passport.set_name}*"},
            unique,
            len(uids),
        ),
        ("find series", "SERIES", series, "SeriesInstanceUID", len(study.series)),
        ("find images", "IMAGE", image, "SOPInstanceUID", len(study.series[0].instances)),
        ("counts of objects", "STUDY", {unique: uids[0]}, counts, 1),
        ("names its character set", "STUDY", {unique: uids[0]}, "SpecificCharacterSet", 1),
    ]
    for what, level, match, key, enough in tries:
        try:
            rows = prober.find(pacs, level, match, (key,))
        except (PeerUnavailable, GiveUp) as error:
            yield Fact(what, works=False, detail=str(error))
            continue
        told = {row[key] for row in rows if row[key] not in ("", "0")}
        detail = "" if len(told) >= enough else f"{len(told)} of {enough} told"
        yield Fact(what, len(told) >= enough, detail)


def _fetching(pacs: Pacs, retriever: Retriever, case: Case) -> Iterator[Fact]:
    """Fetch one image by C-GET, and ask for it by C-MOVE to our node."""
    study = case.studies[0]
    image = study.series[0].instances[0]
    asked = Asked(
        study.study_instance_uid,
        study.series[0].series_instance_uid,
        (image.sop_instance_uid,),
        case.patient_id,
    )
    with TemporaryDirectory(prefix="probed-") as folder:
        shelf = Folder(Path(folder))
        try:
            got = retriever.get(pacs, asked, shelf.open, kinds=kinds_of([image]))
            yield Fact("C-GET gives an image back", bool(shelf.fetched), f"0x{got.status:04X}")
        except PeerUnavailable as error:
            yield Fact("C-GET gives an image back", works=False, detail=error.detail)
    try:
        moved = retriever.move(pacs, asked)
    except PeerUnavailable as error:
        yield Fact("C-MOVE to our node", works=False, detail=error.detail)
        return
    detail = f"0x{moved.status:04X}"
    if moved.status == 0xA801:
        detail = f"it does not know {pacs.our_ae_title} with our address"
    yield Fact("C-MOVE to our node", moved.status == 0x0000, detail)


def _around(pacs: Pacs, prober: Prober, case: Case) -> Iterator[Appeared]:
    """List what lies in or about the studies of a case and is not ours."""
    for study in case.studies:
        yield from _in_study(pacs, prober, case, study)
    ours = {study.study_instance_uid for study in case.studies}
    match = {"AccessionNumber": case.accession}
    for row in _quietly(pacs, prober, "STUDY", match, ("StudyInstanceUID", "StudyDescription")):
        if row["StudyInstanceUID"] and row["StudyInstanceUID"] not in ours:
            yield Appeared(case.accession, "study", "", row["StudyDescription"], None)


def _in_study(pacs: Pacs, prober: Prober, case: Case, study: Study) -> Iterator[Appeared]:
    match = {"StudyInstanceUID": study.study_instance_uid}
    ours = {series.series_instance_uid: series for series in study.series}
    for row in _quietly(pacs, prober, "SERIES", match, _SERIES):
        uid, modality = row["SeriesInstanceUID"], row["Modality"]
        known = {i.sop_instance_uid for i in ours[uid].instances} if uid in ours else set[str]()
        within = {**match, "SeriesInstanceUID": uid}
        wanted = ("SOPInstanceUID", "SOPClassUID")
        images = _quietly(pacs, prober, "IMAGE", within, wanted)
        strange = Counter(
            each["SOPClassUID"] for each in images if each["SOPInstanceUID"] not in known
        )
        about = row["SeriesDescription"]
        for sop_class, count in strange.items():
            yield Appeared(case.accession, modality, sop_class, about, count)
        if uid not in ours and not strange:
            number = row["NumberOfSeriesRelatedInstances"]
            count_said = int(number) if number.isdigit() else None
            yield Appeared(case.accession, modality, "", about, count_said)


def _quietly(
    pacs: Pacs, prober: Prober, level: str, match: Mapping[str, str], wanted: Sequence[str]
) -> list[dict[str, str]]:
    try:
        return prober.find(pacs, level, match, wanted)
    except (PeerUnavailable, GiveUp):
        return []  # that it refuses is a fact of its own


def _callers(uow: UnitOfWork, pacs: str) -> Iterator[str]:
    """Say who asked us, of the associations that are still known."""
    asked: dict[tuple[str, str, str], Counter[str]] = {}
    for each in uow.associations.newest(1_000):
        if each.requests:
            who = (each.caller.ae_title, each.caller.address, each.caller.pacs or "unknown")
            asked.setdefault(who, Counter()).update(each.requests)
    for (title, address, of), services in sorted(asked.items()):
        if of in (pacs, "unknown"):
            said = ", ".join(f"{count} {service}" for service, count in sorted(services.items()))
            yield f"{title} at {address}: {said}"


def _advice(appeared: Sequence[Appeared], passport: Passport | None) -> Iterator[str]:
    """Turn what appeared into what to ask of the contact."""
    if passport is None:
        return
    except_ours = f"exclude {passport.set_name}*"
    results = [
        each for each in appeared
        if each.sop_class_uid in _CAD or each.modality in ("SR", "SEG", "MG", "OT", "SC")
    ]  # fmt: skip
    if results:
        yield (
            f"Something makes results of our images ({_told(results)}), most likely because your "
            f"router sends mammograms to an AI or CAD service: {except_ours} from that rule."
        )
    saved = [each for each in appeared if each.modality in ("PR", "KO")]
    if saved:
        yield (
            f"Presentation states or key objects were saved ({_told(saved)}): if nobody drew on "
            f"the practice cases, ask what makes them, and {except_ours} from it."
        )
    if any(each.modality == "study" for each in appeared):
        yield (
            "Other studies stand under our accession numbers: ask whether the PACS copies studies, "
            f"and {except_ours} from it."
        )
    rest = [each for each in appeared if each not in (*results, *saved)
            and each.modality != "study"]  # fmt: skip
    if rest:
        yield f"Something adds to our studies ({_told(rest)}): ask what does, and {except_ours}."


def _told(found: Sequence[Appeared]) -> str:
    counted = Counter(each.modality or "unnamed" for each in found)
    return ", ".join(f"{modality} in {count} series" for modality, count in counted.items())


def _rule(pack: SitePack) -> tuple[str, ...]:
    return (
        f"forward to: {pack.our_ae_title} at {pack.node.host} port {pack.rule_port}",
        f"when: Accession Number begins with {pack.set_name}",
        *(f"SOP class: {uid} ({name})" for uid, name in pack.node.sop_classes.items()),
    )
