"""Events in words, one line each; nothing of a person or a patient is in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pacs_bridge.web.words import show_plainly, write_count, write_requests

if TYPE_CHECKING:
    from pacs_bridge.db.repositories.watch import Event

_LONGEST = 200

Detail = Mapping[str, Any]


def tell(event: Event) -> str:
    """Say in one line what happened."""
    words = _WORDS.get(event.kind, _plainly)(event.kind, event.subject, event.detail)
    return str(show_plainly(words))[:_LONGEST]


def _plainly(kind: str, subject: str, _detail: Detail) -> str:
    said = kind.replace("-", " ").capitalize()
    return f"{said}: {subject}." if subject else f"{said}."


def _by(kind: str, account: str, _detail: Detail) -> str:
    return f"{kind.replace('-', ' ').capitalize()}: account {account}."


def _who(pacs: str, detail: Detail) -> str:
    title = detail.get("ae_title") or "(no title)"
    name = f"{pacs} ({title})" if pacs else str(title)
    return f"{name} at {detail.get('address', '')}"


def _opened(_kind: str, pacs: str, detail: Detail) -> str:
    how = "over TLS" if detail.get("tls") else "unencrypted"
    return f"{_who(pacs, detail)} opened an association, {how}."


def _ended(_kind: str, pacs: str, detail: Detail) -> str:
    stored, refused, echoes = (int(detail.get(name, 0)) for name in ("stored", "refused", "echoes"))
    asked = write_requests(stored, refused, echoes, detail.get("requests")) or "nothing asked"
    note = f" {str(detail['note']).capitalize()}." if detail.get("note") else ""
    return f"{_who(pacs, detail)}: association {detail.get('outcome', 'ended')}, {asked}.{note}"


def _rejected(_kind: str, pacs: str, detail: Detail) -> str:
    return f"{_who(pacs, detail)} was rejected: {detail.get('note', '')}."


def _unknown(_kind: str, _subject: str, detail: Detail) -> str:
    return f"{_who('', detail)} is not known here; an administrator can adopt it."


def _query(_kind: str, pacs: str, detail: Detail) -> str:
    level, matches = detail.get("level") or "no", int(detail.get("matches", 0))
    found = f"{matches} match" if matches == 1 else f"{matches:,} matches"
    return f"{pacs or 'Somebody'} asked at {level} level: {found}, status {_status(detail)}."


def _retrieve(_kind: str, pacs: str, detail: Detail) -> str:
    done, failed = int(detail.get("completed", 0)), int(detail.get("failed", 0))
    service = f"C-{str(detail.get('service', '')).upper()}"
    return (
        f"{pacs or 'Somebody'} retrieved by {service}: {write_count(done, 'object')} sent, "
        f"{failed} failed, status {_status(detail)}."
    )


def _refused(_kind: str, pacs: str, detail: Detail) -> str:
    return f"An object of {pacs or 'somebody'} was refused: {detail.get('why', '')}."


def _pulled(_kind: str, pacs: str, detail: Detail) -> str:
    fetched, failed, unasked = (
        int(detail.get(name, 0)) for name in ("fetched", "failed", "unasked")
    )
    rest = f", {failed} did not come" if failed else ""
    rest += f", {write_count(unasked, 'case')} could not be asked about" if unasked else ""
    return f"{pacs} was asked for marks: {write_count(fetched, 'object')} fetched{rest}."


def _emptied(_kind: str, reading: str, _detail: Detail) -> str:
    return (
        f"Nothing is left of reading {reading}, which was scored: what it was made of was taken "
        "away. Its reader is asked; what was scored stands until they answer."
    )


def _unfinished(_kind: str, reading: str, detail: Detail) -> str:
    if detail.get("emptied"):
        return (
            f"Reading {reading} ended with nothing left of it; revision {detail['emptied']} is "
            "still scored: decide with its reader what counts."
        )
    return f"Reading {reading} ended with a breast undecided; it is parked and not scored."


def _of_several(_kind: str, uid: str, detail: Detail) -> str:
    others = write_count(int(detail.get("others", 0)), "other person")
    return f"Object {uid} is by several people: what {others} said in it is dealt with by itself."


def _object_rejected(_kind: str, uid: str, detail: Detail) -> str:
    reader = detail.get("reader")
    asked = f"; {reader} is asked about it" if reader and not detail.get("late") else ""
    return f"Object {uid} was deleted or rejected at its PACS{asked}."


def _lifted(_kind: str, reading: str, detail: Detail) -> str:
    by = f"account {detail['by']}" if detail.get("by") else "the command line"
    return f"Reading {reading} is no longer marked as exposed, by {by}; it counts again."


def _turn_named(_kind: str, reader: str, detail: Detail) -> str:
    where = f"{detail.get('set', '')} at {detail.get('pacs', '')}"
    return f"{reader} is to have the next turn to read {where}."


def _read_again(_kind: str, uid: str, _detail: Detail) -> str:
    return f"Object {uid} is read once more: more of it can be read by now."


def _copied(_kind: str, uid: str, detail: Detail) -> str:
    others = " and ".join(map(str, detail.get("others", ())))
    return (
        f"Object {uid} of {detail.get('reader', '')} holds marks that {others} saved first; its "
        "reader is asked."
    )


def _adopted(kind: str, pacs: str, detail: Detail) -> str:
    what = "may call" if kind.endswith("adopted") else "may call no longer"
    return f"{_who('', detail)} {what}, as {pacs}."


def _status(detail: Detail) -> str:
    return f"0x{detail.get('status', '')}"


_WORDS: dict[str, Callable[[str, str, Detail], str]] = {
    "association-opened": _opened,
    "association-ended": _ended,
    "association-rejected": _rejected,
    "unknown-caller": _unknown,
    "query": _query,
    "retrieve": _retrieve,
    "object-refused": _refused,
    "marks-pulled": _pulled,
    "reading-emptied": _emptied,
    "reading-unfinished": _unfinished,
    "object-of-several": _of_several,
    "object-rejected": _object_rejected,
    "object-read-again": _read_again,
    "exposure-lifted": _lifted,
    "turn-named": _turn_named,
    "marks-copied": _copied,
    "signed-in": _by,
    "signed-out": _by,
    "access-refused": _by,
    "account-set": _by,
    "pacs-caller-adopted": _adopted,
    "pacs-caller-forgotten": _adopted,
}
