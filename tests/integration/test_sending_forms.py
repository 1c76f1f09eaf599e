"""Images go out in a form that the PACS takes, with the same pixels, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLosslessSV1

from pacs_bridge.archive.copies import Copies, CopyRequest
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.archive.transcode import forms_here, transcode
from pacs_bridge.deid.pixels import pixel_hash
from pacs_bridge.deid.values import tolerant_reading
from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.domain.sending import (
    FORMS,
    FORMS_WITH_HTJ2K,
    HTJ2K,
    IMPLICIT,
    JPEG_LOSSLESS,
    JPEG_LS,
)
from pacs_bridge.jobs.limits import LimitedReader
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.wiring.sending import make_copy
from tests.failing_peers import sendables
from tests.integration.test_scu_peers import dcmtk_server
from tests.loads import MG, a_pacs, a_passport
from tests.orthanc import running_orthanc
from tests.peers import ROOT, need, need_data, need_npm
from tests.scripted_pacs import Script, scripted_pacs

PEER = DimsePeer()
HOW_TO_GET_IT = "the encoder of HTJ2K is optional; run: tools/setup.sh htj2k"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Sendable]:
    archive = LocalArchive(tmp_path_factory.mktemp("images"))
    passport = a_passport(archive, 1, rows=128, columns=96)
    hashes = [image.pixel_hash for *_, image in passport.instances()]
    return [
        replace(each, pixel_hash=pixels)
        for each, pixels in zip(sendables(archive, passport), hashes, strict=True)
    ]


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies(tmp_path / "copies", make_copy)


@pytest.fixture(scope="module")
def child() -> Iterator[Callable[[CopyRequest], str]]:
    reader = LimitedReader(make_copy, wall_seconds=120, cpu_seconds=60)
    yield reader
    reader.close()


def a_real_mammogram(folder: Path) -> Sendable:
    """One that a device compressed, without the private elements that no set has."""
    with tolerant_reading():
        ds = dcmread(need_data("dicom/fo_dicom/GH133.dcm"))
        ds.remove_private_tags()
        del ds[0xEAEA0102]
        assert ds.file_meta.TransferSyntaxUID == JPEGLosslessSV1
        ds.save_as(folder / "mammogram.dcm")
        pixels = pixel_hash(ds)
    path = folder / "mammogram.dcm"
    return Sendable(path, ds.SOPClassUID, ds.SOPInstanceUID, str(JPEGLosslessSV1), pixels)


def pixels_of(file: Path) -> tuple[str, str]:
    """Transfer syntax and pixel hash of a file."""
    with tolerant_reading():
        ds = dcmread(file)
        return str(ds.file_meta.TransferSyntaxUID), pixel_hash(ds)


def only(folder: Path, syntax: str) -> list[str]:
    """Write storescp's profile of one transfer syntax for mammograms."""
    profile = folder / "one.cfg"
    profile.write_text(
        f"[[TransferSyntaxes]]\n[One]\nTransferSyntax1 = {syntax}\n"
        f"[Plain]\nTransferSyntax1 = {IMPLICIT}\n"
        f"[[PresentationContexts]]\n[MG]\nPresentationContext1 = {MG}\\One\n"
        "PresentationContext2 = 1.2.840.10008.1.1\\Plain\n"
        "[[Profiles]]\n[Default]\nPresentationContexts = MG\n"
    )
    return ["-xf", str(profile), "Default"]


@pytest.mark.parametrize("syntax", FORMS)
def test_a_storescp_that_takes_one_form_gets_every_image_in_it(tmp_path, images, copies, syntax):
    program = need("storescp", "dcmtk")
    with dcmtk_server(tmp_path / "in", program, *only(tmp_path, syntax), "{port}") as port:
        answers = list(PEER.store(a_pacs(port), images, convert=copies.of(1)))
    assert [(each.status, each.sent_as) for each in answers] == [(0, syntax)] * 4
    for each in images:
        (kept,) = (tmp_path / "in").glob(f"*{each.sop_instance_uid}")
        assert pixels_of(kept) == (syntax, each.pixel_hash)
        before, after = dcmread(each.path), dcmread(kept)
        del before.PixelData, after.PixelData
        assert before == after


def test_a_compressed_mammogram_comes_back_from_an_implicit_orthanc_with_its_pixels(
    tmp_path, child
):
    image, copies = a_real_mammogram(tmp_path), Copies(tmp_path / "copies", child)
    with running_orthanc(tmp_path / "orthanc", AcceptedTransferSyntaxes=[IMPLICIT]) as orthanc:
        (answer,) = PEER.store(a_pacs(orthanc.dicom_port), [image], convert=copies.of(1))
        assert (answer.status, answer.sent_as) == (0, IMPLICIT)
        (found,) = orthanc.find("Instance", SOPInstanceUID=image.sop_instance_uid)
        uuid = orthanc.get(f"/instances/{found['ID']}/attachments/dicom/info")["Uuid"]
        (kept,) = (tmp_path / "orthanc").glob(f"??/??/{uuid}")
        assert pixels_of(kept) == (IMPLICIT, image.pixel_hash)


def test_a_compressed_mammogram_fits_every_form_in_a_child_process(tmp_path, child):
    image = a_real_mammogram(tmp_path)
    copies = Copies(tmp_path / "copies", child)
    for syntax in (JPEG_LS, JPEG_LOSSLESS):
        copy = copies.of(1)(image, syntax)
        assert pixels_of(copy.path) == (syntax, image.pixel_hash)


def test_what_is_taken_as_it_is_archived_is_never_converted(images):
    def convert(_each: Sendable, _syntax: str) -> Sendable:
        raise AssertionError("no copy was needed")

    with scripted_pacs(Script()) as script:
        answers = list(PEER.store(a_pacs(script.port), images, convert=convert))
    assert {each.sent_as for each in answers} == {str(ExplicitVRLittleEndian)}


def test_every_form_is_offered_in_a_context_of_its_own(images):
    script = Script()
    with scripted_pacs(script, syntaxes=[ImplicitVRLittleEndian]) as pacs:
        answers = PEER.store(a_pacs(pacs.port), images[:1], convert=lambda each, _syntax: each)
        next(answers)
        offered = script.open[0].requestor.requested_contexts
        answers.close()
    assert [len(context.transfer_syntax) for context in offered] == [1] * len(FORMS)
    assert {str(context.transfer_syntax[0]) for context in offered} == set(FORMS)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder of HTJ2K, as `imagecodecs` would be: another one, under its name."""
    modules, node = need_npm("dcmjs-codecs").parent, need("node", "nodejs")

    def htj2k_encode(frame: Any, *, reversible: bool) -> bytes:
        assert reversible
        rows, columns = frame.shape
        done = subprocess.run(
            [node, str(ROOT / "tests" / "htj2k.js"), str(columns), str(rows)],
            input=frame.astype("<u2").tobytes(),
            capture_output=True,
            check=True,
            timeout=120,
            env={**os.environ, "NODE_PATH": str(modules)},
        )
        return done.stdout

    module = ModuleType("imagecodecs")
    module.__dict__["htj2k_encode"] = htj2k_encode
    module.__spec__ = ModuleSpec("imagecodecs", None)
    monkeypatch.setitem(sys.modules, "imagecodecs", module)


@pytest.fixture
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of HTJ2K, whatever is installed here."""
    monkeypatch.setattr("pacs_bridge.archive.transcode.find_spec", lambda _name: None)


def send_as_htj2k(
    folder: Path, each: Sendable, make: Callable[[CopyRequest], str] = make_copy
) -> Path:
    """Send an image to a PACS that takes HTJ2K alone; gives the copy that went out."""
    assert forms_here() == FORMS_WITH_HTJ2K
    copies = Copies(folder / "copies", make, forms=forms_here())
    with scripted_pacs(Script(), syntaxes=[HTJ2K]) as pacs:
        (answer,) = PEER.store(a_pacs(pacs.port), [each], convert=copies.of(1))
    assert (answer.status, answer.sent_as) == (0, HTJ2K)
    (copy,) = (folder / "copies").rglob(f"*{HTJ2K}")
    return copy


def test_where_an_encoder_is_installed_a_pacs_that_takes_htj2k_alone_gets_it(
    tmp_path, images, encoder
):
    copy = send_as_htj2k(tmp_path, images[0])
    assert pixels_of(copy) == (HTJ2K, images[0].pixel_hash)


def a_frame(bits: int, signed: bool) -> np.ndarray:
    """Noise over all values that so many bits have, in an odd number of rows and columns."""
    kind = np.dtype(f"<{'i' if signed else 'u'}{2 if bits > 8 else 1}")
    low = -(1 << bits - 1) if signed else 0
    return np.random.default_rng(bits).integers(low, low + (1 << bits), (301, 203)).astype(kind)


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (16, False), (12, True)])
def test_the_encoder_that_can_be_installed_beside_keeps_each_bit(tmp_path, images, bits, signed):
    pytest.importorskip("imagecodecs", reason=HOW_TO_GET_IT)
    frame, ds = a_frame(bits, signed), dcmread(images[0].path)
    ds.Rows, ds.Columns = frame.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8 * frame.itemsize, bits, bits - 1
    ds.PixelRepresentation = int(signed)
    ds.PixelData = frame.tobytes() + b"\0" * (frame.nbytes % 2)
    ds.save_as(tmp_path / "image.dcm")
    each = replace(images[0], path=tmp_path / "image.dcm", pixel_hash=pixel_hash(ds))
    copy = send_as_htj2k(tmp_path, each)
    assert pixels_of(copy) == (HTJ2K, each.pixel_hash)


def test_a_compressed_mammogram_goes_out_as_htj2k_from_a_child_process(tmp_path, child):
    pytest.importorskip("imagecodecs", reason=HOW_TO_GET_IT)
    image = a_real_mammogram(tmp_path)
    copy = send_as_htj2k(tmp_path, image, child)
    assert pixels_of(copy) == (HTJ2K, image.pixel_hash)


def test_without_an_encoder_htj2k_is_neither_offered_nor_made(tmp_path, images, copies, no_encoder):
    assert forms_here() == FORMS
    assert HTJ2K not in FORMS
    assert copies.of(1).forms == FORMS
    with scripted_pacs(Script(), syntaxes=[HTJ2K]) as pacs:
        (answer,) = PEER.store(a_pacs(pacs.port), images[:1], convert=copies.of(1))
    assert (answer.stored, answer.phase) == (False, "association")


def test_a_copy_with_other_pixels_is_not_sent(tmp_path, images):
    def lie(asked: CopyRequest) -> str:
        asked.target.write_bytes(b"other pixels")
        return "0" * 64

    copies = Copies(tmp_path / "copies", lie)
    script = Script()
    with scripted_pacs(script, syntaxes=[ImplicitVRLittleEndian]) as pacs:
        (answer,) = PEER.store(a_pacs(pacs.port), images[:1], convert=copies.of(1))
    assert script.stored == []
    assert (answer.stored, answer.phase) == (False, "data")
    assert "Implicit VR Little Endian" in answer.comment
    assert [each for each in (tmp_path / "copies").rglob("*") if each.is_file()] == []


def test_a_form_that_cannot_be_made_gives_way_to_the_next(tmp_path, images):
    def make(asked: CopyRequest) -> str:
        if asked.syntax == IMPLICIT:
            raise UnreadableObject("this codec is broken")
        return make_copy(asked)

    copies = Copies(tmp_path / "copies", make)
    with scripted_pacs(Script(), syntaxes=[IMPLICIT, JPEG_LS]) as pacs:
        (answer,) = PEER.store(a_pacs(pacs.port), images[:1], convert=copies.of(1))
    assert (answer.status, answer.sent_as) == (0, JPEG_LS)


def test_a_class_that_is_refused_is_told_from_a_form(images):
    with scripted_pacs(Script(), sop_classes=["1.2.840.10008.1.1"]) as pacs:
        answers = list(PEER.store(a_pacs(pacs.port), images, convert=lambda each, _: each))
    assert {(each.status, each.phase) for each in answers} == {(0x0122, "association")}
    assert answers[0].comment == (
        "The PACS takes no Digital Mammography X-Ray Image Storage - For Presentation."
    )


def test_a_copy_is_made_once_and_thrown_away_with_its_load(tmp_path, images):
    made: list[str] = []

    def make(asked: CopyRequest) -> str:
        made.append(asked.syntax)
        return make_copy(asked)

    copies = Copies(tmp_path / "copies", make)
    first = copies.of(1)(images[0], JPEG_LS)
    assert copies.of(1)(images[0], JPEG_LS) == first
    assert made == [JPEG_LS]
    other = copies.of(2)(images[0], JPEG_LS)
    copies.forget(1)
    assert not first.path.exists()
    assert other.path.exists()


def test_an_icon_in_the_old_syntax_does_not_come_along(tmp_path):
    image = a_real_mammogram(tmp_path)
    with tolerant_reading():
        assert "IconImageSequence" in dcmread(image.path)
        make_copy(CopyRequest(image.path, tmp_path / "copy", IMPLICIT))
        assert "IconImageSequence" not in dcmread(tmp_path / "copy")


def test_nothing_lossy_is_ever_made(tmp_path, images):
    for syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"):
        with pytest.raises(UnreadableObject, match="no lossless way"):
            transcode(images[0].path, tmp_path / "lossy", syntax)
