"""A picture of a screen, or a document: kept for a person where it names a case of ours.

What it names stands at its beginning, so that a megabyte is held back at most until that has
been read; only then is a file begun, and of an alien object none ever is (decision 0012).
"""

from __future__ import annotations

from pacs_bridge.archive.file_content import read_content
from pacs_bridge.archive.part10 import file_head
from pacs_bridge.db.repositories.standing import Standing
from pacs_bridge.domain.errors import AlienObject, Crowded, PausedPeer, StorageFull
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.services.held import Held
from pacs_bridge.services.receive import PAUSED, SentAgain, originator_of, valid_uids
from pacs_bridge.services.reception import Reception, announce
from pacs_bridge.upper_layer.elements import STUDY
from pacs_bridge.upper_layer.seen import Seen

WINDOW = 1 << 20
"""Bytes within which an object must have named a case of ours."""


class EvidenceReception(Reception):
    """Takes one object."""

    _standing: Standing | None = None
    _was_asked = False

    def _open(self) -> None:
        self._held = Held(self._desk.undecided)

    def _take(self, data: memoryview) -> None:
        if self._file is not None:
            self._file.write(data)
            return
        if not self._held.add(data):
            raise Crowded("Too much is arriving at the same time; send again later.")
        if len(self._held.data) >= WINDOW:
            self._decide(for_good=True)
        elif not self._was_asked and self._scan.seen.top > STUDY:
            self._was_asked = True
            self._decide(for_good=False)

    def abort(self) -> None:
        """Forget what has come, in memory too."""
        super().abort()
        self._held.drop()

    def _decide(self, *, for_good: bool) -> None:
        """Ask whose it is by what it has named so far; begin its file where it is ours."""
        head, seen = self.head, self._scan.seen
        with self._desk.read() as uow:
            standing = uow.standings.ask(
                head.caller.pacs or "",
                head.sop_instance_uid,
                studies=valid_uids(seen.studies),
                images=valid_uids(seen.referenced_instances),
                accession=seen.accession_number,
            )
        if not standing.pacs_is_open:
            raise PausedPeer(PAUSED)
        if standing.cases:
            self._standing = standing
            file = self._new_file(
                file_head(head.sop_class_uid, head.sop_instance_uid, head.transfer_syntax_uid)
            )
            file.write(memoryview(self._held.data))
            self._held.drop()
        elif for_good:
            raise AlienObject("This is not a case of this scheme.")

    def _keep(self, seen: Seen) -> None:
        self.check_identifiers(seen)
        if self._standing is None:
            self._decide(for_good=True)
        assert self._file is not None
        assert self._standing is not None
        head, desk, standing = self.head, self._desk, self._standing
        path = self._file.finish()
        try:
            content = read_content(path)
        except OSError as error:
            raise StorageFull("The archive's disk gave an object not back; mend it.") from error
        if standing.same_content == content.same_content:
            desk.commit(lambda uow: uow.objects.count_repeat(head.sop_instance_uid))
            return
        desk.archive.adopt(path, content.content_hash)
        received = ReceivedObject(
            sop_instance_uid=head.sop_instance_uid,
            sop_class_uid=head.sop_class_uid,
            transfer_syntax_uid=head.transfer_syntax_uid,
            content_hash=content.content_hash,
            same_content=content.same_content,
            size=self.size,
            caller=head.caller,
            accession=standing.cases[0].accession if len(standing.cases) == 1 else None,
            received_at=desk.now(),
            originator=originator_of(head.originator),
        )
        if not announce(received, desk.commit):
            again = SentAgain(desk.read, desk.commit, desk.archive)
            again.judge(
                received, same=lambda: content.same_content, put=lambda: content.content_hash
            )
