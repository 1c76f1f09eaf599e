"""A reader's receipts, and the sheet: what reached us, drawn and in words, to be answered.

Everything here is looked up by the code of whoever is signed in; there is no way to name
another reader. What is not theirs is answered as if it were not there.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.db.queries import ReaderRound
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.hanging import Mirroring, mirror
from pacs_bridge.domain.receipts import Answer, Receipt, ReceiptImage, ReceiptList, ReceiptMark
from pacs_bridge.services.pictures import middle_frame
from pacs_bridge.web.context import ReadingServices, person, services
from pacs_bridge.web.drawing import draw_shape, hang, place_label, place_ring, tell_drawn
from pacs_bridge.web.findings import may_be_one
from pacs_bridge.web.isolation import tell_opened
from pacs_bridge.web.reading_forms import (
    DENSITIES,
    FINDINGS,
    form_of,
    said_decision,
    said_mark,
    said_mend,
    said_token,
)

blueprint = Blueprint("reading", __name__, url_prefix="/reading")

LOOK_SECONDS = 2
LOOK_AT_ALL_SECONDS = 3
"""How often a page looks for what arrived; what arrives is to be seen within five seconds."""


@blueprint.get("")
def rounds() -> str:
    """List the reader's rounds: what to read, what has arrived, what waits for an answer."""
    reader = _reader()
    lines = services().queries.rounds_of(reader)
    released = [line for line in lines if line.enrolment.released_at is not None]
    return render_template(
        "reading/rounds.html",
        rounds=lines,
        shown={line.enrolment.set_name: _of_all(line) for line in released},
        now=services().now(),
    )


@blueprint.get("/<set_name>")
def index(set_name: str) -> str:
    """List the reader's cases of a set, and what is to be told about them all."""
    return _list_page(set_name)


@blueprint.get("/<set_name>/look")
def look(set_name: str) -> ResponseReturnValue:
    """Give the list again where it has changed."""
    line = _released(set_name)
    if _is_shown(_version(_of_all(line))):
        return "", 204
    return _list_page(set_name)


@blueprint.post("/<set_name>/rest")
def rest(set_name: str) -> ResponseReturnValue:
    """Take the statement that the named cases, of which nothing arrived, are normal."""
    _released(set_name)
    named = tuple(request.form.get("accessions", "").split())
    if request.form.get("stated") != "yes":
        return _list_page(set_name, "Tick the statement if you have read these cases."), 422
    try:
        _ours().declare_rest_normal(_reader(), set_name, named, token=said_token(request.form))
    except RefusedInput as refused:
        return _list_page(set_name, str(refused)), 422
    flash(f"{len(named)} case{'' if len(named) == 1 else 's'} kept as normal.")
    return redirect(url_for("reading.index", set_name=set_name), code=303)


@blueprint.get("/<set_name>/<accession>")
def show(set_name: str, accession: str) -> str:
    """Show one case: its images with the marks on them, the marks in words, what is asked."""
    tell_opened(accession)
    return _case_page(set_name, accession)


@blueprint.get("/<set_name>/<accession>/look")
def look_case(set_name: str, accession: str) -> ResponseReturnValue:
    """Give the page of a case again where it has changed."""
    line = _released(set_name)
    if _is_shown(_case_version(_receipt(line, accession), line, _silence(line))):
        return "", 204
    return _case_page(set_name, accession)


@blueprint.get("/<set_name>/<accession>/images/<int:number>/<int:frame>.png")
def picture(set_name: str, accession: str, number: int, frame: int) -> Response:
    """Give the picture of a frame of an image of a case."""
    receipt = _receipt(_released(set_name), accession)
    if not 1 <= number <= len(receipt.images):
        abort(404)
    image = receipt.images[number - 1].sop_instance_uid
    name = _ours().find_picture(_reader(), receipt.accession, image, frame)
    known = request.if_none_match.contains(f"{name}-{frame}")
    response = Response(
        b"" if known else _ours().picture(name, frame), 304 if known else 200, mimetype="image/png"
    )
    response.set_etag(f"{name}-{frame}")
    # The browser may keep it, and asks here each time whether this reader may see it still.
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@blueprint.post("/<set_name>/<accession>/answer")
def answer(set_name: str, accession: str) -> ResponseReturnValue:
    """Take what the reader says of a mark: that is right, changed, or not a mark of mine."""

    def take() -> str:
        form = request.form
        said = {"confirm": Answer.CONFIRM, "mend": Answer.MEND, "drop": Answer.DROP}.get(
            form.get("answer", "")
        )
        if said is None:
            raise RefusedInput("Choose what you say of the mark.")
        mended = said_mend(form) if said is Answer.MEND else {}
        _ours().answer_mark(
            _reader(), accession, form.get("key", ""), said, token=said_token(form), **mended
        )
        return {
            Answer.CONFIRM: "The mark is kept as yours.",
            Answer.MEND: "The mark is changed.",
            Answer.DROP: "It is not counted as a mark of yours.",
        }[said]

    return _answered(set_name, accession, take)


@blueprint.post("/<set_name>/<accession>/marks")
def place(set_name: str, accession: str) -> ResponseReturnValue:
    """Take a mark put on our sheet, or moved there."""

    def take() -> str:
        receipt = _receipt(_released(set_name), accession)
        said = said_mark(request.form, receipt.images)
        if key := request.form.get("key", ""):
            moved = {name: said[name] for name in ("shape", "points", "rating", "finding")}
            _ours().move_mark(_reader(), accession, key, token=said_token(request.form), **moved)
            return "The mark is changed."
        _ours().place_mark(_reader(), accession, token=said_token(request.form), **said)
        return "The mark is saved."

    return _answered(set_name, accession, take)


@blueprint.post("/<set_name>/<accession>/findings")
def link(set_name: str, accession: str) -> ResponseReturnValue:
    """Take that two marks on two views are one finding, or that one is a finding of its own."""

    def take() -> str:
        key, other = (request.form.get(name, "") for name in ("key", "other"))
        token = said_token(request.form)
        if request.form.get("answer") == "part":
            _ours().part_mark(_reader(), accession, key, token=token)
            return "The mark is a finding of its own."
        if not other:
            raise RefusedInput("Choose the mark that is the same finding.")
        _ours().link_marks(_reader(), accession, key, other, token=token)
        return "The two marks are one finding, which counts once."

    return _answered(set_name, accession, take)


@blueprint.post("/<set_name>/<accession>/breasts")
def decide(set_name: str, accession: str) -> ResponseReturnValue:
    """Take what is decided of one breast."""

    def take() -> str:
        side, decision, more = said_decision(request.form)
        _ours().decide_breast(
            _reader(), accession, side, decision, token=said_token(request.form), **more
        )
        return f"{'Right' if side == 'R' else 'Left'} breast decided."

    return _answered(set_name, accession, take)


@blueprint.post("/<set_name>/<accession>/normal")
def normal(set_name: str, accession: str) -> ResponseReturnValue:
    """Take that both breasts are normal."""

    def take() -> str:
        _ours().declare_normal(_reader(), accession, token=said_token(request.form))
        return "Both breasts return to screening."

    return _answered(set_name, accession, take)


def _answered(set_name: str, accession: str, take: Any) -> ResponseReturnValue:
    """Take an answer and go back to the case; what is refused is told on its page."""
    _receipt(_released(set_name), accession)
    try:
        done = take()
    except (RefusedInput, NotFound) as refused:  # the case is theirs: it is the mark that went
        return _case_page(set_name, accession, str(refused)), 422
    flash(done)
    return redirect(url_for("reading.show", set_name=set_name, accession=accession), code=303)


def _list_page(set_name: str, trouble: str = "") -> str:
    line = _mine(set_name)
    if line.enrolment.released_at is None:
        return _not_released(line)
    shown = _of_all(line)
    return render_template(
        "reading/index.html",
        line=line,
        cases=shown.cases,
        silence=shown.silence,
        unnamed=shown.unnamed,
        saving=services().who.readers_saving(_reader(), set_name) if shown.silence else None,
        trouble=trouble,
        now=services().now(),
        open=shown.open,
        version=_version(shown),
        seconds=LOOK_AT_ALL_SECONDS,
        new_token=_new_token,
        who=_version(_reader()),
    )


@dataclass(frozen=True)
class _All:
    """What the list of all cases shows: the cases, a silence, objects that name nobody."""

    cases: ReceiptList
    silence: str
    unnamed: int
    open: bool


def _of_all(line: ReaderRound) -> _All:
    reader, set_name, who = _reader(), line.enrolment.set_name, services().who
    cases = _ours().list_receipts(reader, set_name)
    silence = cases.silence or who.show_session(reader, set_name).silence
    return _All(cases, silence, who.claimable(reader, set_name).waiting, _is_open(line))


def _case_page(set_name: str, accession: str, trouble: str = "") -> str:
    line = _mine(set_name)
    if line.enrolment.released_at is None:
        return _not_released(line)
    receipt = _receipt(line, accession)
    frames = [_frame_of(place, image, receipt) for place, image in enumerate(receipt.images, 1)]
    marks = list(enumerate(receipt.marks, 1))
    places = {image.sop_instance_uid: place for place, image in enumerate(receipt.images, 1)}
    silence = _silence(line)
    shown = [_mirrored(image) for image in receipt.images]
    return render_template(
        "reading/show.html",
        line=line,
        receipt=receipt,
        rows=hang(receipt.images),
        frames=frames,
        marks=marks,
        places=places,
        drawn=[
            _on(image, frame, marks, how)
            for image, frame, how in zip(receipt.images, frames, shown, strict=True)
        ],
        shown=shown,
        numbers={mark.key: number for number, mark in marks},
        may_be_one=may_be_one,
        form_of=form_of,
        tell_drawn=tell_drawn,
        breasts={breast.laterality: breast for breast in receipt.breasts},
        trouble=trouble,
        given=request.form if trouble else {},
        findings=FINDINGS,
        densities=DENSITIES,
        open=_is_open(line, receipt.kind),
        cases=_ours().list_receipts(_reader(), set_name),
        now=services().now(),
        silence=silence,
        version=_case_version(receipt, line, silence),
        seconds=LOOK_SECONDS,
        new_token=_new_token,
        who=_version(_reader()),
    )


def _on(
    image: ReceiptImage, frame: int, marks: list[tuple[int, ReceiptMark]], shown: Mirroring
) -> list[tuple[int, ReceiptMark, Any, Any, Any]]:
    """Give what is drawn on one frame of an image: numbers, marks, shapes, labels and rings."""
    return [
        (number, mark, shape, place_label(mark, image, shown), place_ring(mark, image, shown))
        for number, mark in marks
        if mark.image == image.sop_instance_uid and (mark.frame is None or mark.frame == frame)
        if (shape := draw_shape(mark)) is not None
    ]


def _mirrored(image: ReceiptImage) -> Mirroring:
    """How an image is shown, so that it hangs as readers know it."""
    return mirror(image.laterality, _ours().lying(image.sop_instance_uid))


def _frame_of(place: int, image: ReceiptImage, receipt: Receipt) -> int:
    """Choose the frame to show: the one asked for, else a mark's, else the middle one."""
    last = max(1, image.frames)
    asked = request.args.get(f"frame{place}", type=int)
    if asked is not None and 1 <= asked <= last:
        return asked
    here = (m.frame for m in receipt.marks if m.image == image.sop_instance_uid)
    return next((frame for frame in here if frame and frame <= last), middle_frame(image))


def _is_shown(version: str) -> bool:
    """Whether the browser shows this version already."""
    return request.args.get("version", "") == version


def _case_version(receipt: Receipt, line: ReaderRound, silence: str) -> str:
    return _version(receipt, _is_open(line, receipt.kind), silence)


def _silence(line: ReaderRound) -> str:
    """Say that nothing arrives any more, on the page of a case too: many keep that one open."""
    return services().who.show_session(_reader(), line.enrolment.set_name).silence


def _version(*shown: object) -> str:
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _not_released(line: ReaderRound) -> str:
    return render_template("reading/waiting.html", line=line, now=services().now())


def _receipt(line: ReaderRound, accession: str) -> Receipt:
    receipt = _ours().show_receipt(_reader(), accession)
    if receipt.set_name != line.enrolment.set_name:
        abort(404)
    return receipt


def _released(set_name: str) -> ReaderRound:
    """Give the reader's round; else, and where they may not read yet, there is no such page."""
    line = _mine(set_name)
    if line.enrolment.released_at is None:
        abort(404)
    return line


def _mine(set_name: str) -> ReaderRound:
    line = services().queries.round_of(_reader(), set_name)
    if line is None:
        abort(404)
    return line


def _is_open(line: ReaderRound, kind: str = "test") -> bool:
    """Whether something can still be answered: a practice case always, as it never counts."""
    if line.round is None or kind == "practice":
        return True
    ends, longer = line.round.closes_at, line.enrolment.extended_to
    now = services().now()
    return line.round.opens_at <= now < (max(ends, longer) if longer else ends)


def _reader() -> str:
    code = person().reader
    if code is None:
        abort(404)
    return code


def _ours() -> ReadingServices:
    return services().reading


def _new_token() -> str:
    return secrets.token_hex(16)
