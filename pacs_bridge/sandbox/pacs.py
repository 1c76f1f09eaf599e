"""A hospital's PACS, simulated: stores, answers questions, hands out, forwards what readers save.

For the demo, rehearsals and tests. Not a product to keep images in.

References
----------
PS3.4 annex A (Verification), B (Storage), C (Query/Retrieve).
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import AllStoragePresentationContexts, build_context, evt

from pacs_bridge.domain.commitment import PUSH_MODEL
from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.sandbox import pacs_query as query
from pacs_bridge.sandbox.association import MAX_PDU, settle_library
from pacs_bridge.sandbox.pacs_commitment import Commitment, Committer
from pacs_bridge.sandbox.pacs_forward import Forwarder, is_mark
from pacs_bridge.sandbox.pacs_quirk import Cut, Kept
from pacs_bridge.sandbox.pacs_quirks import Quirks
from pacs_bridge.sandbox.pacs_store import Entry, Refused, Store
from pacs_bridge.sandbox.pacs_transport import Entity, Server, StoredObject, cut_off, reject
from pacs_bridge.sr.elements import tolerate_odd_values

VERIFICATION = "1.2.840.10008.1.1"
_QUERY_RETRIEVE = "1.2.840.10008.5.1.4.1.2."
_MODELS = {"1": query.PATIENT_ROOT, "2": query.STUDY_ROOT}
_PLAIN = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_SYNTAXES = [
    *_PLAIN, JPEGLosslessSV1, JPEGLossless, JPEG2000Lossless, JPEG2000, JPEGLSLossless,
    RLELossless, HTJ2KLossless, JPEGBaseline8Bit,
]  # fmt: skip
_SUCCESS, _PENDING, _CANCELLED = 0x0000, 0xFF00, 0xFE00
_NO_ROOM, _UNABLE = 0xA700, 0xC000
_MAX_CONTEXTS = 128
_END_SECONDS = 5.0

Remote = tuple[str, str, int]
"""AE title, host and port of another application entity."""


@dataclass(frozen=True)
class SandboxPacsConfig:
    """How one sandbox PACS is set up.

    Parameters
    ----------
    port : int
        0 takes a free one.
    store : Path or None
        Where it keeps objects; None for a folder that goes with it.
    forward : tuple of (str, str, int) or None
        AE title, host and port that presentation states, structured reports and key objects
        go on to.
    router : tuple of (str, str, int) or None
        AE title, host and port that everything goes on to; in place of `forward`.
    know : tuple of (str, str, int)
        Where a C-MOVE may send to, and who is reported to on storage commitment.
    quirks : tuple of str
        See `pacs_quirks.SWITCHES`.
    """

    ae_title: str
    port: int = 0
    host: str = "127.0.0.1"
    store: Path | None = None
    forward: Remote | None = None
    know: tuple[Remote, ...] = ()
    quirks: tuple[str, ...] = ()
    router: Remote | None = None


class SandboxPacs:
    """One PACS, from `start` to `stop`; a context manager.

    Raises
    ------
    RefusedInput
        When a quirk is not known.

    Attributes
    ----------
    port : int
        Where it listens, once started.
    """

    def __init__(self, config: SandboxPacsConfig) -> None:
        self.config = config
        self.port = config.port
        self._quirks = Quirks(config.quirks)
        self._temporary: Path | None = None
        self._forwarder: Forwarder | None = None
        self._server: Server | None = None

    def __enter__(self) -> SandboxPacs:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> int:
        """Index what is kept, listen, forward what waits; gives the port.

        Raises
        ------
        OSError
            When the port is taken or the folder cannot be written.
        RefusedInput
            When a file of an earlier PACS cannot be read.
        """
        settle_library()
        tolerate_odd_values()
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)  # it logs what came in
        config = self.config
        if config.store is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="sandbox-pacs-"))
        try:
            folder = config.store or self._temporary
            assert folder is not None
            quirks = self._quirks
            self._store = Store(
                folder,
                quirks.amend,
                quirks.index_seconds,
                admit=quirks.admit,
                duplicates=quirks.duplicates,
                alter=quirks.alter,
            )
            destination = config.router or config.forward
            if destination is not None:
                self._forwarder = Forwarder(self._store, destination, config.ae_title)
            self._listen()
        except BaseException:
            self.stop()
            raise
        if self._forwarder is not None:
            self._forwarder.start()
        return self.port

    def stop(self) -> None:
        """Take nothing more; what waits to be forwarded waits on disk."""
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            for association in self._server.active_associations:
                association.abort()
                association.join(_END_SECONDS)
            self._server = None
        if self._forwarder is not None:
            self._forwarder.stop()
            self._forwarder = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def objects(self) -> list[Entry]:
        """List what it has and lets be found."""
        return self._store.entries()

    def held(self) -> dict[str, Entry]:
        """Give what it really has, found or not, by SOP Instance UID."""
        return self._store.held()

    def listed(self, accession: str) -> list[Entry]:
        """Give what its own viewer lists under an accession number, whatever it answers us."""
        question = query.Question(query.STUDY_ROOT, "STUDY", {"AccessionNumber": accession})
        shown = self._quirks.shows(self._store.entries(), question)
        return [entry for entry in shown if entry["AccessionNumber"] == accession]

    def is_online(self) -> bool:
        """Tell whether it has its objects at hand."""
        said = self._quirks.answer({"InstanceAvailability": "ONLINE"})
        return said.get("InstanceAvailability", "ONLINE") == "ONLINE"

    def waiting(self) -> int:
        """Count what still has to be forwarded."""
        return len(self._store.waiting())

    def _listen(self) -> None:
        entity = Entity(self.config.ae_title)
        entity.maximum_associations = self._quirks.most_associations
        entity.maximum_pdu_size = MAX_PDU
        entity.connection_timeout, entity.acse_timeout = 10, 30
        entity.dimse_timeout, entity.network_timeout = 60, 300
        entity.add_supported_context(VERIFICATION, _PLAIN)
        if self._quirks.commitment is not Commitment.NOT_OFFERED:
            entity.add_supported_context(PUSH_MODEL, _PLAIN)
        known = (*self.config.know, *filter(None, [self.config.forward]))
        commitments = Committer(self.config.ae_title, self._holds, known, self._quirks.commitment)
        for model in _MODELS.keys() - self._quirks.hidden_roots:
            for operation in ("1", "2", "3"):
                entity.add_supported_context(f"{_QUERY_RETRIEVE}{model}.{operation}", _PLAIN)
        both = {"scu_role": True, "scp_role": True}  # a C-GET is answered with C-STOREs from here
        for context in AllStoragePresentationContexts:
            sop_class = str(context.abstract_syntax)
            if syntaxes := self._quirks.syntaxes(sop_class, [str(each) for each in _SYNTAXES]):
                entity.add_supported_context(sop_class, syntaxes, **both)
        self._entity = entity
        self._server = entity.make_server(
            (self.config.host, self.config.port),
            server_class=Server,
            handlers=[
                (evt.EVT_REQUESTED, self._on_requested),
                (evt.EVT_C_ECHO, lambda _event: _SUCCESS),
                (evt.EVT_C_STORE, self._on_store),
                (evt.EVT_C_FIND, self._on_find),
                (evt.EVT_C_GET, self._on_get),
                (evt.EVT_C_MOVE, self._on_move),
                (evt.EVT_N_ACTION, commitments.on_action),
            ],
        )
        entity._servers.append(self._server)  # noqa: SLF001  shutdown() takes it off there
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="sandbox-pacs", daemon=True
        )
        self._thread.start()

    def _holds(self, sop_instance_uid: str) -> bool:
        return sop_instance_uid in self._store.held()

    def _on_requested(self, event: Any) -> None:
        if self._quirks.rejects():
            reject(event.assoc)

    def _on_store(self, event: Any) -> int | Dataset:
        asked, syntax = event.request, str(event.context.transfer_syntax)
        sop_class, sop_instance = str(asked.AffectedSOPClassUID), str(asked.AffectedSOPInstanceUID)
        mark, config = is_mark(sop_class), self.config
        try:
            self._quirks.on_store()
            if cut := self._quirks.cuts_before_keeping():
                return _cut_off(event, cut)
            if not mark and self._quirks.loses():
                return _kept(self._quirks.kept)
            forward = config.router is not None or (mark and config.forward is not None)
            data = asked.DataSet.getbuffer()
            self._store.keep(sop_class, sop_instance, syntax, data, forward=forward)
        except Refused as refused:
            return _failure(refused)
        except OSError:
            return _failure(Refused(_NO_ROOM, "The object could not be written."))
        if forward and self._forwarder is not None:
            self._forwarder.notice()
        if cut := self._quirks.cuts_before_answering():
            return _cut_off(event, cut)
        return _kept(self._quirks.kept)

    def _on_find(self, event: Any) -> Iterator[tuple[int | Dataset, Dataset | None]]:
        if self._quirks.breaks_off():
            event.assoc.abort()
            return
        try:
            question = self._quirks.on_find(self._question(event))
            shown = self._quirks.shows(self._store.entries(), question)
            found = self._quirks.answers(query.rows(question, shown, self.config.ae_title))
        except GiveUp as refused:
            yield _failure(refused), None
            return
        for row in found:
            if event.is_cancelled:
                yield _CANCELLED, None
                return
            identifier = query.encode(self._quirks.answer(row))
            yield self._quirks.pending, self._quirks.encoded(identifier, question)

    def _on_get(self, event: Any) -> Iterator[Any]:
        try:
            chosen = query.select(self._question(event), self._store.entries())
        except Refused as refused:
            yield 1  # the library wants a count before it takes a status
            yield _failure(refused), None
            return
        yield len(chosen)
        yield from _hand_out(event, chosen)

    def _on_move(self, event: Any) -> Iterator[Any]:
        destination = str(event.move_destination or "").strip()
        known = {title: (host, port) for title, host, port in self.config.know}
        if destination not in known:
            yield None, None  # the library answers A801, destination unknown
            return
        try:
            chosen = query.select(self._question(event), self._store.entries())
        except Refused as refused:
            yield (*known[destination], {"contexts": [build_context(VERIFICATION)]})
            yield 1
            yield _failure(refused), None
            return
        yield (*known[destination], {"contexts": _contexts(chosen)})
        yield len(chosen)
        yield from _hand_out(event, chosen)

    def _question(self, event: Any) -> query.Question:
        model = str(event.request.AffectedSOPClassUID).removeprefix(_QUERY_RETRIEVE)[:1]
        return query.Question.read(event.identifier, _MODELS[model])


def _hand_out(event: Any, chosen: list[Entry]) -> Iterator[tuple[int, Dataset | None]]:
    for entry in chosen:
        if event.is_cancelled:
            yield _CANCELLED, None
            return
        yield _PENDING, StoredObject(entry)


def _contexts(chosen: list[Entry]) -> list[Any]:
    """Offer each kind as it is stored and, for a destination that is simple, uncompressed."""
    pairs = dict.fromkeys((entry.sop_class_uid, entry.transfer_syntax_uid) for entry in chosen)
    contexts = [build_context(sop_class, syntax) for sop_class, syntax in pairs]
    contexts += [
        build_context(sop_class, _PLAIN) for sop_class in dict.fromkeys(s for s, _ in pairs)
    ]
    return contexts[:_MAX_CONTEXTS] or [build_context(VERIFICATION)]


def _failure(refused: GiveUp) -> Dataset:
    status = Dataset()
    status.Status = refused.status if isinstance(refused, Refused) else _UNABLE
    status.ErrorComment = str(refused)[:64]
    return status


def _kept(kept: Kept) -> Dataset:
    status = Dataset()
    status.Status = kept.status
    if kept.comment:
        status.ErrorComment = kept.comment
    if kept.offending:
        status.OffendingElement = list(kept.offending)
    return status


def _cut_off(event: Any, cut: Cut) -> int:
    cut_off(event.assoc, abort=cut is Cut.ABORT)
    return _UNABLE  # goes nowhere
