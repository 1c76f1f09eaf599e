"""What a PACS contact reads of a case: what is so, what they do, and what comes after.

Whoever reads one knows nothing of what we asked and how. Each begins with what is so and names
the thing that it is about; then come the steps, numbered where their order matters; it ends
with the button of the load's page that comes next: *Check again* asks the PACS and sends
nothing, *Start again* sends what is missing and then checks. Nothing that may name another
patient is ever written: an object is named by its numbers and UIDs.

What a PACS refused is worded in `domain.refusals`, what stands under our numbers in
`domain.conflicts`, what came back changed in `domain.intact`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.found import Unasked, Unseen
from pacs_bridge.domain.loading import Completeness

CHECK = "Press Check again."
START = "Press Start again: we send only what is missing, and check."
CHECK_AGAIN = "Then press Check again."
START_AGAIN = "Then press Start again."

NEEDS_CONTACT = (
    "This load waits for a person. What to do stands beside each case; when it is done, press the "
    "button that is named there. Nothing goes on by itself until then."
)
"""The load's own line, where nothing more can be done from here."""

FELL_BACK = (
    "It was ready, and two checks in a row found that it is not any more. What to do stands beside "
    "each case. Nothing goes on by itself until then."
)
"""The load's own line, where it was ready."""


@dataclass(frozen=True)
class KnownAs:
    """What a PACS knows us by.

    Parameters
    ----------
    asking, storing : str
        Our AE titles towards what is queried, and towards what images go to.
    issuer : str
        Of our patient IDs.
    """

    asking: str = "PACSBRIDGE"
    storing: str = "PACSBRIDGE"
    issuer: str = ""


@dataclass(frozen=True)
class About:
    """What a sentence may name of a case, of one of its studies, and of us."""

    case: Case
    study: Study
    known: KnownAs = KnownAs()

    @property
    def wanted(self) -> int:
        """Images of the case."""
        return sum(1 for _ in self.case.instances())

    @property
    def images(self) -> str:
        """Our images in the study, as a viewer names them: ``our 4 images (R CC, R MLO …)``."""
        views = Counter(f"{i.laterality} {i.view}".strip() for i in self.study.instances())
        told = ", ".join(
            f"{view} ({number})" if number > 1 else view for view, number in views.items() if view
        )
        return f"our {_count(views.total(), 'image')}{f' ({told})' if told else ''}"

    @property
    def uid(self) -> str:
        """The study by its UID, which no PACS changes."""
        return f"Study Instance UID {self.study.study_instance_uid}"

    @property
    def name(self) -> str:
        """Our patient's name, as DICOM writes it."""
        return self.case.patient_name

    @property
    def prefix(self) -> str:
        """What all our patient IDs begin with."""
        return self.case.patient_id.rstrip("0123456789") or self.case.patient_id


def about(case: Case, study: Study | None = None, known: KnownAs | None = None) -> About:
    """Say what a sentence is about; without a study, the case's current one."""
    return About(case, study or case.studies[0], known or KnownAs())


def steps(*each: str) -> str:
    """Number what is to be done in this order, a line each."""
    return "".join(f"\n{number}. {step}" for number, step in enumerate(each, 1))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def word_unasked(why: Unasked, of: About) -> str:
    """Say what to do about a case that could not be asked for."""
    title = of.known.asking
    words = {
        Unasked.SILENT: "Your PACS does not answer us, so we cannot say whether this case is "
        f"there. Check that it is running and that calls from our AE title {title} reach it.",
        Unasked.REJECTED: "Your PACS turns our calls away, so we cannot say whether this case is "
        f"there. Allow our AE title {title} to query it.",
        Unasked.NO_QUERY: "Your PACS offers us no query service, so we cannot say whether this "
        f"case is there. Allow our AE title {title} to query it (C-FIND, Study Root).",
        Unasked.REFUSED: "Your PACS refuses our queries, so we cannot say whether this case is "
        f"there. Allow our AE title {title} to query it (C-FIND, Study Root).",
        Unasked.BUSY: "Your PACS is too busy to answer us. If that lasts, ask your PACS supplier "
        "what keeps it busy.",
        Unasked.NAMELESS: "Your PACS, or a proxy before it, leaves the Study Instance UID out of "
        "its answers, so we cannot tell which study they are about. Have the proxy mended, or let "
        f"our AE title {title} query the PACS itself.",
        Unasked.UNBELIEVED: "Your PACS broke off, and has found nothing at all since then: we do "
        "not believe that. Check that its database is running.",
    }
    return f"{words[why]} {CHECK_AGAIN}"


def _settle(what: str, lost: str) -> str:
    return (
        f"\nIf that cannot be done, tell the scheme: it can settle for {what} at your PACS. "
        f"Nobody would then notice {lost}."
    )


def word_unsure(complete: Completeness, of: About) -> str:
    """Say what to do about a case that is there less surely than the site wants."""
    allow = f"Allow queries at IMAGE level for our AE title {of.known.asking}. {CHECK_AGAIN}"
    if complete is Completeness.COUNTED:
        return (
            f"Your PACS counts {_count(of.wanted, 'image')} of this case, as many as there are, "
            "and does not list them to us. "
            f"{allow}{_settle('the count', 'a wrong image among them')}"
        )
    return (
        "Your PACS has the study of this case, and neither lists nor counts its images to us. "
        f"{allow}{_settle('the study being there', 'a missing image')}"
    )


def word_unseen(unseen: Unseen, of: About) -> str:
    """Say what keeps us from seeing whether a study holds somebody else's image."""
    title = of.known.asking
    if unseen.nameless:
        return _have_looked_at(
            f"Beside {of.images} your PACS holds {_count(unseen.nameless, 'object')} in this study "
            "and does not tell us of what kind.",
            of,
            "",
        )
    why = "it does not name all that it holds"
    ask = f"Allow our AE title {title} to list all objects of a study."
    if unseen.by_patient:
        why = "it lets us ask about one patient at a time (Patient Root)"
        ask = f"Offer Study Root queries to our AE title {title}."
    elif unseen.is_refused:
        why = "it does not list the series of a study to us"
        ask = f"Allow queries at SERIES level for our AE title {title}."
    elif unseen.shows_nothing:
        why = "it neither counts the objects of a study for us nor lists many studies at once"
        ask = (
            "Ask your PACS supplier to have queries answered with Number of Study Related "
            f"Instances, or with wildcards in accession numbers, for our AE title {title}."
        )
    elif unseen.limit is not None:
        why = f"it stops after {_count(unseen.limit, 'answer')} to a query{_one_by_one(unseen, of)}"
        ask = f"Have the limit on query answers raised for our AE title {title}; 1000 will do."
    more = (unseen.counted or 0) - unseen.seen
    if more > 0:
        hidden = f"{_count(more, 'object')} that we cannot see: somebody else's image, perhaps"
        return _have_looked_at(
            f"All of {of.images} are there. But your PACS counts {unseen.counted} objects in this "
            f"study and shows us {unseen.seen}: {why}. That leaves {hidden}.",
            of,
            ask,
        )
    return _have_looked_at(
        f"All of {of.images} are there. But {why.replace('it ', 'your PACS ', 1)}, so that "
        f"somebody else's image in this study would stay hidden from us.{_disagreeing(unseen)}",
        of,
        ask,
    )


def _one_by_one(unseen: Unseen, of: About) -> str:
    """Say how more of ours were found than a list shows."""
    if unseen.limit is None or unseen.limit >= sum(1 for _ in of.study.instances()):
        return ""
    return " (we found ours one at a time, by their UIDs)"


def _have_looked_at(so: str, of: About, ask: str) -> str:
    look = (
        f"Open study {of.case.accession} in your PACS. Does it show any image beside ours? If so, "
        "have it moved to the patient it belongs to; do not delete it. If nobody can tell whose it "
        "is, tell the scheme, and let nobody read this case before that is known. Reports "
        "and the like may stay."
    )
    todo = (look, ask, CHECK) if ask else (look, CHECK)
    lost = "another patient's image in this study later on"
    settle = "\nIf step 2 cannot be done, tell the scheme what step 1 showed: it can settle for "
    if not ask:
        settle = "\nIf it is no image, tell the scheme so: it can settle for "
    return (
        f"{so}{steps(*todo)}{settle}finding our own images at your PACS. Nobody would then notice "
        f"{lost}."
    )


def _disagreeing(unseen: Unseen) -> str:
    """Say why a count that fits proves nothing."""
    if unseen.in_series is None:
        return ""
    return (
        f" Its two counts contradict each other ({unseen.counted} for the study, "
        f"{unseen.in_series} for its series), so we cannot tell from them."
    )


PACK = "the site pack on this load's page holds the orders, as CSV and HL7"
LEFT_OUT = "the site pack on this load's page says how long to keep them"


def word_lost(of: About) -> str:
    """Of a case that was there when the load was ready."""
    return "Your PACS held all of this case and does not find it now." + steps(
        f"Look whether the study was deleted or moved ({of.uid}).",
        f"If a rule did so, have these cases left out of it, or it would do so again ({LEFT_OUT}).",
        f"If it was moved, have it moved back. {CHECK_AGAIN}",
        "If it was deleted, press Start again: we send it anew, and then check.",
        "If it was neither, ask your PACS supplier to check the index and to restore the study. "
        f"{CHECK_AGAIN}",
    )


def word_absent(of: About, *, routed: bool = False) -> str:
    """Of a case that was taken and is not found."""
    who = "the router before your PACS took" if routed else "your PACS said that it stored"
    look = (
        "Look in your PACS among failed imports, and among unmatched or unverified studies "
        f"({of.uid}, patient ID {of.case.patient_id}). If it is among failed imports, have it "
        f"imported again; if it is unmatched, have it linked to its order ({PACK}). {CHECK_AGAIN}"
    )
    index = (
        "If it is in neither, ask your PACS supplier to check the index. Then press Start again: "
        "we send only what is missing, and check."
    )
    router = (
        "See whether the router still holds it, or failed to pass it on. If so, have it sent on. "
        f"{CHECK_AGAIN}"
    )
    look = f"If not, l{look[1:]}" if routed else look
    todo = (router, look, index) if routed else (look, index)
    return f"This case did not arrive, though {who} all {_count(of.wanted, 'image')}.{steps(*todo)}"


def word_partial(of: About, found: int) -> str:
    """Of a case of which a part was taken and is not found."""
    return (
        f"Only {found} of {_count(of.wanted, 'image')} of this case are found, though all were "
        "taken."
        + steps(
            START,
            f"If they stay missing, look in your PACS among failed imports ({of.uid}), and have "
            f"them imported again. {CHECK_AGAIN}",
            "If they are not there, either, ask your PACS supplier what became of them.",
        )
    )


WAITING = "Nothing to do: your PACS may still be filing it. We ask again by ourselves."
IMPORT = "Import the media into your PACS. We ask again by ourselves."
IMPORT_AGAIN = (
    "Some images were not imported. Import the media again; if they stay missing, look in your "
    "PACS for failed imports. We ask again by ourselves."
)

NEARLINE = (
    "All images are there, but your PACS keeps them in its slow archive (nearline), where they "
    "open late. Have them fetched to online storage before readers begin, and left out of the rule "
    f"that archives them ({LEFT_OUT}). {CHECK_AGAIN}"
)
OFFLINE = (
    "All images are there, but your PACS says that they are off line, where nobody can open them. "
    "Have them brought back to online storage before readers begin, and left out of the rule that "
    f"took them away ({LEFT_OUT}). {CHECK_AGAIN}"
)

RENAMED = "Your PACS files this case under"
"""How the sentence about another name begins."""


def word_rename(label: str, ours: str, theirs: str, of: About) -> str:
    """Say under which name a case is filed."""
    if ours.startswith(theirs):
        return (
            f"{RENAMED} {label} {theirs}: it cuts ours, {ours}, off after "
            f"{_count(len(theirs), 'character')}, so that several cases look like one."
            + steps(
                f"Ask your PACS supplier to have it keep all {len(ours)} characters. If it "
                "cannot, tell the scheme; nobody should read before that is settled.",
                f"Have this study's {label} corrected to {ours}, or delete the study ({of.uid}).",
                START,
            )
        )
    own = "" if ours in theirs else ", a number of its own,"
    return (
        f"{RENAMED} {label} {theirs}{own} instead of {ours}. Nothing is missing. Either will do:\n"
        f"- Tell your readers to search for {theirs}. Then press Accept the names.\n"
        f"- Or have it renamed to {ours} in your PACS. {CHECK_AGAIN}"
    )


def word_person(label: str, ours: str, of: About) -> str:
    """Say that a case may stand in a real person's record; the number is shown to nobody."""
    return (
        f"Act today. Your PACS replaced our {label} {ours} by a number that may be a real "
        "person's, so our test images may stand in a real patient's record. We do not show that "
        "number."
        + steps(
            "Have automatic matching switched off for our patients (patient IDs that begin with "
            f"{of.prefix}), or it may match this study again.",
            f"Find the study by its UID: {of.uid}.",
            f"Have it taken out of that record, and given patient name {of.name} and {label} "
            f"{ours} back.",
            CHECK,
        )
    )


def word_stranger(of: About) -> str:
    """Say that a case was filed as another patient's; whose is shown to nobody."""
    return (
        "Act today. Your PACS filed this study under another patient's order: it has that "
        f"patient's accession number and name in place of {of.case.accession}. We do not show "
        "these."
        + steps(
            "Have automatic matching to orders switched off for our patients (patient IDs that "
            f"begin with {of.prefix}), or it may match this study again.",
            f"Find the study by its UID: {of.uid}.",
            "Have it taken out of that order and that patient's record.",
            f"Have it given patient name {of.name}, patient ID {of.case.patient_id} and accession "
            f"number {of.case.accession} back.",
            CHECK,
        )
    )


UNMATCHED = "Your PACS holds these as unmatched. Ask for: verify, or link to order."


def word_unmatched(of: About, *, nameless: bool = False) -> str:
    """Say that a study is there and that a search by its number does not find it."""
    accession = of.case.accession
    enter = f" Enter accession number {accession}: it has none now." if nameless else ""
    return (
        f"{UNMATCHED} All images are there, but a search for {accession} does not find them."
        + steps(
            f"Find the study in your PACS's list of unmatched or unverified studies ({of.uid}).",
            f"Verify it there, or link it to its order ({PACK}).{enter}",
            CHECK,
        )
    )


def word_accepted(search_for: str) -> str:
    """Tell readers what a contact has accepted."""
    return f"Readers search for {search_for}; your contact has accepted that."
