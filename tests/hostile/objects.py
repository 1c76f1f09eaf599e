"""Objects that hurt whoever parses them (RELIABILITY.md 2: d1 to e1, h1 to j3, disk)."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import psutil

from tests.hostile.peer import ACCEPTED, CLOSED, REPORT, STATE
from tests.hostile.siege import LARGEST_MB, Siege
from tests.nodes import OUR_STUDY, encode, our_report, our_state
from tests.raw_peer import associate_rq, p_data, read_pdu, store_rq

DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
FOREVER = 0xFFFFFFFF
DEEP = 10_000
MB = 1 << 20


def explicit(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    """One element in explicit VR little endian, with a length that may be a lie."""
    value += b"\0" * (len(value) % 2)
    size = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    long = vr in ("OB", "OW", "SQ", "UN", "UT")
    return head + struct.pack("<2xL" if long else "<H", size) + value


def item(value: bytes, length: int | None = None) -> bytes:
    """One item of a sequence."""
    size = len(value) if length is None else length
    return struct.pack("<HHL", 0xFFFE, 0xE000, size) + value


def report_with(uid: str, tail: bytes) -> bytes:
    """A report that names our case and ends in whatever stands in `tail`."""
    return (
        explicit(0x00080016, "UI", REPORT.encode())
        + explicit(0x00080018, "UI", uid.encode())
        + explicit(0x00080050, "SH", b"PERFORMS121101")
        + explicit(0x0020000D, "UI", OUR_STUDY.encode())
        + tail
    )


def nested_without_lengths() -> bytes:
    """Content sequences in content sequences, each ended by its delimiter."""
    opening = explicit(0x0040A730, "SQ", b"", FOREVER) + item(b"", FOREVER)
    closing = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return opening * DEEP + closing * DEEP


def nested_with_lengths() -> bytes:
    """The same with true lengths, which pydicom takes without looking."""
    heads, size = [], 0
    for _ in range(DEEP):
        inner = item(b"", size)
        size += len(inner)
        outer = explicit(0x0040A730, "SQ", b"", size)
        size += len(outer)
        heads.append(outer + inner)
    return b"".join(reversed(heads))


def nest_without_lengths(siege: Siege) -> None:
    """d1: nested 10,000 deep, undefined lengths."""
    _refused(siege, nested_without_lengths())


def nest_with_lengths(siege: Siege) -> None:
    """d2: nested 10,000 deep, defined lengths."""
    _refused(siege, nested_with_lengths())


def promise_a_long_element(siege: Siege) -> None:
    """d4: an element of FFFFFFF0 bytes, of which four follow."""
    _refused(siege, explicit(0x0040A160, "UT", b"four", 0xFFFFFFF0))


def send_200000_items(siege: Siege) -> None:
    """d6: 200,000 empty items in 1.6 MB."""
    _refused(siege, explicit(0x0040A730, "SQ", item(b"") * 200_000))


def _refused(siege: Siege, tail: bytes) -> None:
    uid, before = siege.node.new_uid(), siege.node.refusals("unreadable")
    assert siege.peer.store(REPORT, uid, report_with(uid, tail)) == 0xC000
    assert siege.node.refusals("unreadable") == before + 1
    assert not _row(siege, uid)


def offer_deflated(siege: Siege) -> None:
    """e1: a bomb of 512 MB in 500 KB, in a syntax that must not be agreed to."""
    packer = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(packer.compress(bytes(MB)) for _ in range(64)) + packer.flush()
    for syntax in (DEFLATED, BIG_ENDIAN):
        with siege.peer.connect() as connection:
            connection.sendall(associate_rq(REPORT, syntax=syntax))
            kind, content = read_pdu(connection)
            assert kind != ACCEPTED or not _accepts_a_context(content)
            try:
                stream = p_data(store_rq(REPORT, "1.2.3"), is_command=True, last=True)
                connection.sendall(stream + p_data(bomb, is_command=False, last=True))
                kind, content = read_pdu(connection)
            except OSError:
                kind = CLOSED
            assert kind != 4 or b"\0\0\0\x09\2\0\0\0\0\0" not in content
    siege.stand()
    assert siege.peak - siege.before.memory < 64 * MB


def _accepts_a_context(content: bytes) -> bool:
    """Whether any context of an A-ASSOCIATE-AC has the result 0 (PS3.8 9.3.3.2)."""
    place, accepted = 68, False
    while place + 4 <= len(content):
        kind, _, size = struct.unpack_from(">BBH", content, place)
        accepted |= kind == 0x21 and content[place + 6] == 0
        place += 4 + size
    return accepted


def reuse_a_uid(siege: Siege) -> None:
    """h1: the same object again is one object; other content under its UID is refused."""
    uid, before = siege.node.new_uid(), siege.node.refusals("conflict")
    first, other = encode(our_state(uid)), encode(our_state(uid, ContentLabel="OTHER"))
    assert siege.peer.store(STATE, uid, first) == 0x0000
    assert [siege.peer.store(STATE, uid, first) for _ in range(3)] == [0x0000] * 3
    assert siege.peer.store(STATE, uid, other) == 0xC001
    assert siege.node.refusals("conflict") == before + 1
    assert _row(siege, uid)[1] == 3  # times it came again


def lie_about_the_uid(siege: Siege) -> None:
    """h2: the command names another object than the data set."""
    before = siege.node.refusals("mismatched")
    said, true = siege.node.new_uid(), siege.node.new_uid()
    assert siege.peer.store(STATE, said, encode(our_state(true))) == 0xA900
    assert siege.node.refusals("mismatched") == before + 1
    assert not _row(siege, said)
    assert not _row(siege, true)


ODD_TITLES = (
    b"\xc4\xd6\xdc", b"AB\0CD", b" ", b"A\nB", b"A\\B", b"<script>alert(1)", b"';DROP TABLE--",
    b"\x1b[2J", b"../../etc",
)  # fmt: skip


def call_under_odd_titles(siege: Siege) -> None:
    """j1: no odd AE title gets in, and none is written down."""
    for title in ODD_TITLES:
        request = bytearray(associate_rq(STATE))
        request[26:42] = title.ljust(16)[:16]
        with siege.peer.connect() as connection:
            connection.sendall(request)
            assert read_pdu(connection)[0] != ACCEPTED, title
    written = siege.node.installation.row("SELECT group_concat(calling_ae) FROM pb_association")
    assert not any(odd in written for odd in ("<", "DROP", "\x1b", "\n", "..", "\0"))


ODD_UIDS = (
    "../escaped", "/abs", "1.2\n3", "..", "CON", "$(id)", "1" * 65, "", "1..2", "1.a",
)  # fmt: skip


def send_odd_uids(siege: Siege) -> None:
    """j2: no UID becomes a path; none but a UID is taken."""
    outside = _outside(siege)
    for uid in ODD_UIDS:
        data_set = explicit(0x00080016, "UI", REPORT.encode())
        data_set += explicit(0x00080018, "UI", uid.encode())
        data_set += explicit(0x00080050, "SH", b"PERFORMS121101")
        status = siege.peer.store(REPORT, uid, data_set)
        assert status is None or status >= 0xA700, uid
    assert _outside(siege) == outside
    strays = siege.node.installation.row(
        "SELECT count(*) FROM pb_object WHERE sop_instance_uid GLOB '*[^0-9.]*'"
    )
    assert strays == 0


def _outside(siege: Siege) -> set[Path]:
    """Every file beside the archive, the database and the log."""
    root = siege.node.installation.folder
    return {
        path
        for path in root.rglob("*")
        if "archive" not in path.parts and ".sqlite" not in path.name
    }


ODD_TEXTS = (
    ("ISO_IR 999", b"A^B"), ("\\ISO 2022 IR 87", b"\x1b$B\xff\xff\x1b(B"),
    ("ISO_IR 192", b"\xff\xfe\xfa"), ("ISO_IR 192", b"<img src=x onerror=alert(1)>"),
    ("ISO_IR 192", b"=cmd|'/c calc'!A0"), ("ISO_IR 192", b"\xe2\x80\xaeabc"),
)  # fmt: skip


def send_odd_texts(siege: Siege) -> None:
    """j3: text is bytes to the listener; it is judged where it is read, and never logged."""
    for charset, text in ODD_TEXTS:
        uid = siege.node.new_uid()
        data_set = explicit(0x00080005, "CS", charset.encode())
        data_set += report_with(uid, b"")[: -len(explicit(0x0020000D, "UI", OUR_STUDY.encode()))]
        data_set += explicit(0x00100010, "PN", text)
        data_set += explicit(0x0020000D, "UI", OUR_STUDY.encode())
        status = siege.peer.store(REPORT, uid, data_set)
        assert status in (0x0000, 0xC000)
        assert bool(_row(siege, uid)) == (status == 0x0000)
    log = siege.node.log.read_bytes()
    assert not any(text in log for _, text in ODD_TEXTS)


def send_300_on_one_association(siege: Siege) -> None:
    """k3: many objects on one association are all taken."""
    count = 300 if LARGEST_MB == 64 else 60
    with siege.peer.associate(REPORT) as talk:
        for _ in range(count):
            uid = siege.node.new_uid()
            assert talk.store(uid, encode(our_report(uid))) == 0x0000
        assert talk.release()


def fill_the_disk(siege: Siege) -> None:
    """disk: an object for which there is no room is "try again", and leaves no file."""
    size = (LARGEST_MB - 1) * MB
    uid, before = siege.node.new_uid(), siege.node.refusals("failed")
    padding = explicit(0xFFFCFFFC, "OB", bytes(size))
    data_set = encode(our_state(uid)) + padding
    limit = size - MB // 2  # no file may grow larger: what a full disk says, without one
    _limit_files(siege, limit)
    try:
        with siege.peer.associate(STATE) as talk:
            assert talk.store(uid, data_set, piece=120_000) == 0xA700
            assert siege.node.refusals("failed") == before + 1
            siege.node.wait_for_no_stray_file()
            siege.stand()
    finally:
        _limit_files(siege, psutil.RLIM_INFINITY)
    assert not _row(siege, uid)
    with siege.peer.associate(STATE) as talk:
        assert talk.store(uid, data_set, piece=120_000) == 0x0000


def _limit_files(siege: Siege, size: int) -> None:
    for process in siege.node.processes:
        process.rlimit(psutil.RLIMIT_FSIZE, (size, psutil.RLIM_INFINITY))


def _row(siege: Siege, uid: str) -> tuple[str, int] | None:
    """Where an object is written down: its state, and how often it came again."""
    found = siege.node.installation.row(
        "SELECT state || ' ' || repeats FROM pb_object WHERE sop_instance_uid = ?", uid
    )
    return (str(found).split()[0], int(str(found).split()[1])) if found else None
