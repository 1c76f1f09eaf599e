"""Sending feedback: each object made once and kept, each answer kept as it comes, then looked for.

Nothing goes out while anybody may read, nor once it is to go; both are seen anew each time. What
fails is tried again by the clock, so that nobody waits behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.errors import (
    GiveUp,
    Interrupted,
    PeerUnavailable,
    RefusedInput,
    RetryLater,
)
from pacs_bridge.domain.feedback import Feedback, FeedbackObject
from pacs_bridge.domain.loading import InstanceState
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Archive, Clock, ImageKey, PacsPeer, Sendable, StoreAnswer
from pacs_bridge.domain.reader_copies import CopyNaming
from pacs_bridge.domain.sending import EXPLICIT, OutsideWindow
from pacs_bridge.services.canonical import as_file
from pacs_bridge.services.feedback_objects import (
    CaseFeedback,
    Render,
    case_feedback,
    check_closed,
    closed_round,
)
from pacs_bridge.services.send_lanes import Lane, first_error, send_lanes
from pacs_bridge.services.send_ledger import FOUND_LATER, words_of
from pacs_bridge.services.withdraw_feedback import begin_now

FIRST, MOST = timedelta(seconds=5), timedelta(minutes=15)
"""Between two tries: doubling from the first to the most."""

LEASE = timedelta(hours=1)
"""After so long, what was cut off is tried again."""

LOOKS = 40
"""How often in a row the PACS is tried or asked in vain before a person is to look."""

_ON_THE_WAY = ("data", "answer")
_IN_ORDER = (PeerUnavailable, Interrupted, OutsideWindow)


@dataclass(frozen=True)
class FeedbackSender:
    """How feedback is sent.

    Parameters
    ----------
    key_uid : bytes
        The installation's key of UIDs.
    attempts : int
        As for `services.send.Sender`.
    stopping : callable
        Whether we are to stop: then no further object goes out.
    """

    begin: Begin
    peer: PacsPeer
    archive: Archive
    now: Clock
    key_uid: bytes
    render: Render
    attempts: int = 5
    stopping: Callable[[], bool] = lambda: False

    def send(self, feedback_id: int) -> Feedback:
        """Make, send and look for what is left to do of it; repeating it doubles nothing.

        Raises
        ------
        NotFound
            When there is none of that number.
        """
        with self.begin() as uow:
            feedback = uow.feedback.get(feedback_id)
            promise = feedback.withdrawal
            if feedback.found_at or promise.begun_at or feedback.ended:
                return feedback
            why = "" if self.now() < promise.due_at else "Its time is over before it was shown."
            try:
                check_closed(uow, feedback.set_name, self.now())
            except RefusedInput as refused:
                why = str(refused)
            if why:
                return begin_now(uow, feedback, self.now(), why)
            feedback = replace(feedback, next_at=self.now() + LEASE)
            uow.feedback.put(feedback)
            pacs = uow.pacs.get(feedback.pacs)
        try:
            if feedback.made_at is None:
                self._make(feedback)
            self._send(feedback_id, pacs)
            said = self._look(feedback_id, pacs)
        except (RetryLater, GiveUp) as error:
            return self._try_again(feedback_id, error)
        return self._done(feedback_id, said)

    def _make(self, feedback: Feedback) -> None:
        """Write and keep the objects, a case at a time."""
        with self.begin() as uow:
            closed = closed_round(uow, feedback.set_name, feedback.reader, self.now())
            made = {each.accession for each in uow.feedback.objects(feedback.feedback_id)}
        uid_of = UidMap(self.key_uid, feedback.set_name)
        naming = None
        if feedback.copy:
            naming = CopyNaming(self.key_uid, feedback.set_name, feedback.copy)
        for about in case_feedback(closed, uid_of, naming, feedback.run):
            if about.case.accession not in made:
                objects, left_out = self._objects(about)
                with self.begin() as uow:
                    uow.feedback.add_objects(feedback.feedback_id, objects)
                    for why in left_out:
                        uow.events.add(
                            self.now(), "feedback-left-out", about.case.accession, why=why
                        )
        with self.begin() as uow:
            uow.feedback.put(replace(uow.feedback.get(feedback.feedback_id), made_at=self.now()))

    def _objects(self, about: CaseFeedback) -> tuple[list[FeedbackObject], list[str]]:
        left_out: list[str] = []
        documents = about.states(self.archive)
        documents += about.captures(self.archive, self.render, left_out)
        objects = [
            FeedbackObject(
                str(document.SOPInstanceUID),
                str(document.SOPClassUID),
                about.case.accession,
                str(document.StudyInstanceUID),
                str(document.SeriesInstanceUID),
                int(document.SeriesNumber),
                int(document.InstanceNumber),
                self.archive.put(as_file(document)),
            )
            for _, document in documents
        ]
        return objects, left_out

    def _send(self, feedback_id: int, pacs: Pacs) -> None:
        self._settle_doubts(feedback_id, pacs)
        with self.begin() as uow:
            pending = [
                each
                for each in uow.feedback.objects(feedback_id)
                if each.state is InstanceState.PENDING
            ]
            uow.feedback.doubt([each.sop_instance_uid for each in pending], in_doubt=True)
        if not pending:
            return
        lanes = send_lanes(
            pacs,
            [self._sendable(each) for each in pending],
            1,
            peer=self.peer,
            convert=None,
            keep=partial(self._keep, {each.sop_instance_uid: each for each in pending}),
            check=partial(self._check_between, feedback_id, pacs),
        )
        self._close(lanes)
        busy = next((lane.busy for lane in lanes if lane.busy), "")
        if busy:
            raise PeerUnavailable(pacs.name, "answer", f"it takes no more for now ({busy})")

    def _sendable(self, each: FeedbackObject) -> Sendable:
        path = self.archive.path(each.content_hash)
        return Sendable(path, each.sop_class_uid, each.sop_instance_uid, EXPLICIT)

    def _keep(self, pending: dict[str, FeedbackObject], answer: StoreAnswer) -> str:
        """Write an answer into the ledger; gives words where the PACS takes no more for now."""
        uid = answer.sop_instance_uid
        state = _state_after(answer, pending[uid].attempts + 1, self.attempts)
        comment = words_of(answer) if answer.status else ""
        with self.begin() as uow:
            uow.feedback.settle(uid, state, status=answer.status, comment=comment)
        return comment if state is InstanceState.PENDING else ""

    def _check_between(self, feedback_id: int, pacs: Pacs) -> None:
        """See between two objects whether the next may go out."""
        if self.stopping():
            raise Interrupted("The jobs were stopped; feedback goes on when they start again.")
        opening = pacs.sending.opens_at(self.now())
        if opening is not None:
            raise OutsideWindow(pacs.name, opening, pacs.sending.told_opening(opening))
        with self.begin() as uow:
            if uow.feedback.get(feedback_id).withdrawal.begun_at is not None:
                raise Interrupted("It is being withdrawn; nothing more of it is sent.")

    def _close(self, lanes: Sequence[Lane]) -> None:
        """Note what is known of objects without an answer, and raise what ended the sending."""
        with self.begin() as uow:
            for lane in lanes:
                if lane.error is not None and not isinstance(lane.error, _IN_ORDER):
                    continue  # how far the object came is not known
                waiting = [each.sop_instance_uid for each in lane.waiting]
                if isinstance(lane.error, PeerUnavailable) and lane.error.phase in _ON_THE_WAY:
                    lost, *waiting = waiting or [""]
                    if lost:
                        uow.feedback.lose(lost, str(lane.error), self.attempts)
                uow.feedback.doubt(waiting, in_doubt=False)
        error = first_error(lanes)
        if error is not None:
            raise error

    def _settle_doubts(self, feedback_id: int, pacs: Pacs) -> None:
        """Ask whether objects of which no answer came are there, before one goes out again."""
        with self.begin() as uow:
            doubtful = [
                each
                for each in uow.feedback.objects(feedback_id)
                if each.in_doubt and each.state is InstanceState.PENDING
            ]
        if not doubtful:
            return
        found = self.peer.find_images(pacs, keys_of(doubtful))
        with self.begin() as uow:
            uow.feedback.doubt([each.sop_instance_uid for each in doubtful], in_doubt=False)
            for each in doubtful:
                if found.get(each.sop_instance_uid):
                    uow.feedback.settle(
                        each.sop_instance_uid, InstanceState.STORED, comment=FOUND_LATER
                    )

    def _look(self, feedback_id: int, pacs: Pacs) -> str:
        """Ask the PACS for what it took; gives what is to be known of it."""
        with self.begin() as uow:
            objects = uow.feedback.objects(feedback_id)
        stored = [each for each in objects if each.stored]
        sought = [each for each in stored if not each.found]
        found = self.peer.find_images(pacs, keys_of(sought)) if sought else {}
        with self.begin() as uow:
            uow.feedback.see([uid for uid, there in found.items() if there])
        missing = sum(there is False for there in found.values())
        if missing:
            raise RetryLater(f"{missing} of {len(stored)} objects are not found there yet.")
        if objects and not stored:
            raise GiveUp(f"It took none of them: {objects[0].comment or 'no reason given'}.")
        if any(there is None for there in found.values()):
            raise GiveUp("It cannot be asked for single objects; look for them in the viewer.")
        return ""

    def _try_again(self, feedback_id: int, error: Exception) -> Feedback:
        """Keep what holds it up, and when it is tried again."""
        with self.begin() as uow:
            feedback = uow.feedback.get(feedback_id)
            tries = feedback.tries + 1
            given_up = isinstance(error, GiveUp) or tries > LOOKS
            next_at = self.now() + min(MOST, FIRST * 2 ** min(tries - 1, 12))
            if isinstance(error, OutsideWindow):
                next_at = error.opening
            feedback = replace(
                feedback,
                tries=tries,
                note=str(error),
                next_at=None if given_up else next_at,
            )
            uow.feedback.put(feedback)
            if given_up:
                name = f"{feedback.set_name} {feedback.pacs}"
                uow.events.add(
                    self.now(), "feedback-parked", name, feedback=feedback_id, why=str(error)
                )
            return feedback

    def _done(self, feedback_id: int, note: str) -> Feedback:
        with self.begin() as uow:
            feedback = uow.feedback.get(feedback_id)
            feedback = replace(feedback, found_at=self.now(), tries=0, next_at=None, note=note)
            uow.feedback.put(feedback)
            objects = [each for each in uow.feedback.objects(feedback_id) if each.stored]
            uow.events.add(
                self.now(),
                "feedback-sent",
                f"{feedback.set_name} {feedback.pacs}",
                feedback=feedback_id,
                reader=feedback.reader,
                objects=len(objects),
                cases=sorted({each.accession for each in objects}),
            )
            return feedback


def keys_of(objects: Iterable[FeedbackObject]) -> list[ImageKey]:
    """Give the keys by which a PACS is asked for objects."""
    return [
        ImageKey(each.study_instance_uid, each.series_instance_uid, each.sop_instance_uid)
        for each in objects
    ]


def _state_after(answer: StoreAnswer, tried: int, attempts: int) -> InstanceState:
    """Tell what an answer means, as for an image of a load."""
    if answer.stored:
        return InstanceState.WARNED if answer.status else InstanceState.STORED
    if answer.phase == "association":
        return InstanceState.SKIPPED
    if answer.status >> 8 == 0xA7 and tried < attempts:
        return InstanceState.PENDING
    return InstanceState.FAILED
