"""A hospital's auto-forward rule: what is saved to the PACS goes on to our node.

Orthanc sends the objects itself (C-STORE); this rule tells it which, and again until they
are taken. It stands beside Orthanc and not in its Lua because Orthanc 1.10 has no timer
there: a job that fails while the node is down would be tried again at once, or never, and
jobs that are not yet saved end with the process. The rule reads Orthanc's own log of
changes instead, so nothing is lost by a kill of either side.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from pacs_bridge.domain.errors import PeerUnavailable

_log = logging.getLogger(__name__)

_PAUSE = 0.1  # seconds between two looks at the changes
_BACK_OFF = 1.0  # seconds after the node did not answer
_BATCH = 50  # objects over one association
_TRIES = 5  # refusals of one object before the rule leaves it

# Presentation states, structured reports, key objects (PS3.4 B.5): all instances of these roots.
_FORWARDED = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.(11\.[0-9.]+|88\.[0-9.]+)")
_BUSY = re.compile(r"DIMSE status 0xA7", re.IGNORECASE)  # out of resources (PS3.4 B.2.3)


class Rest(Protocol):
    """What the rule needs of Orthanc: its REST interface."""

    def get(self, path: str, **query: str | int) -> Any:
        """Ask for a resource."""

    def post(self, path: str, body: Any) -> Any:
        """Send a value."""


class AutoForward:
    """Forwards every presentation state, structured report and key object to one modality.

    Parameters
    ----------
    orthanc : Rest
        The PACS that holds them.
    modality : str
        Its name for the node that they go to.
    ledger : Path
        Where it notes how far it has come, so that a later start goes on from there.
    """

    def __init__(self, orthanc: Rest, modality: str, ledger: Path) -> None:
        self._orthanc, self._modality, self._ledger = orthanc, modality, ledger
        self._since = 0
        self._waiting: list[str] = []
        self._refusals: Counter[str] = Counter()
        self._left: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="auto-forward", daemon=True)

    @property
    def waiting(self) -> int:
        """How many objects were seen and are not yet taken by the node."""
        return len(self._waiting)

    @property
    def left(self) -> tuple[str, ...]:
        """Orthanc's ids of the objects that the node refused each time."""
        return tuple(self._left)

    def start(self) -> None:
        """Begin, where the last run on this ledger ended."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            noted = json.loads(self._ledger.read_text())
            self._since, self._waiting = int(noted["since"]), list(noted["waiting"])
            self._left = list(noted["left"])
        self._thread.start()

    def stop(self) -> None:
        """End; what waits is noted in the ledger."""
        self._stop.set()
        self._thread.join()

    def is_idle(self) -> bool:
        """Whether all that Orthanc has stored so far was taken, or left after its refusals."""
        last = self._orthanc.get("/changes", last="")["Last"]
        return not self._waiting and self._since >= int(last)

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = _PAUSE
            try:
                moved = self._look()
                if self._waiting:
                    moved = True
                    pause = _PAUSE if self._send(self._waiting[:_BATCH]) else _BACK_OFF
                if moved:
                    self._note()
            except PeerUnavailable as error:
                _log.info("forward waits: %s", error)
                pause = _BACK_OFF

    def _look(self) -> bool:
        """Take in what was stored since the last look; whether there was anything."""
        changes = self._orthanc.get("/changes", since=self._since, limit=500)
        for change in changes["Changes"]:
            if change["ChangeType"] == "NewInstance" and self._is_ours(change["ID"]):
                self._waiting.append(change["ID"])
        moved = int(changes["Last"]) > self._since
        self._since = int(changes["Last"])
        return moved

    def _is_ours(self, instance: str) -> bool:
        try:
            sop_class = self._orthanc.get(f"/instances/{instance}/metadata/SopClassUid")
        except PeerUnavailable as error:
            if "404" in str(error):
                return False  # deleted since
            raise
        return _FORWARDED.fullmatch(str(sop_class)) is not None

    def _send(self, batch: list[str]) -> bool:
        """Have the batch sent; whether all of it is settled.

        Where it fails although the node answers an echo, some object is the reason: then
        each goes alone, and only that one stays behind.
        """
        try:
            self._store(batch)
        except PeerUnavailable:
            self._orthanc.post(f"/modalities/{self._modality}/echo", {})
            settled = [self._send_alone(instance) for instance in batch]
            return all(settled)
        self._settle(batch)
        return True

    def _send_alone(self, instance: str) -> bool:
        try:
            self._store([instance])
        except PeerUnavailable as error:
            if "404" not in str(error) and not self._is_hopeless(instance, str(error)):
                return False
        self._settle([instance])
        return True

    def _is_hopeless(self, instance: str, said: str) -> bool:
        if _BUSY.search(said):
            return False
        self._refusals[instance] += 1
        if self._refusals[instance] < _TRIES:
            return False
        _log.info("forward left an object that the node refused %d times", _TRIES)
        self._left.append(instance)
        return True

    def _store(self, batch: list[str]) -> None:
        # Not "Permissive": Orthanc 1.10 then reports no failure at all.
        body = {"Resources": batch, "Synchronous": True}
        self._orthanc.post(f"/modalities/{self._modality}/store", body)

    def _settle(self, batch: list[str]) -> None:
        done = set(batch)
        self._waiting = [instance for instance in self._waiting if instance not in done]

    def _note(self) -> None:
        noted = {"since": self._since, "waiting": self._waiting, "left": self._left}
        part = self._ledger.with_suffix(".part")
        part.write_text(json.dumps(noted))
        part.replace(self._ledger)
