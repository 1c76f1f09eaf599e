"""Multipart bodies: read from a stream within bounds, without trusting any length in it.

References
----------
RFC 2046 section 5.1.1; PS3.18 section 8.6.1.2 (multipart payloads).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MOST_HEAD = 16 << 10
"""Bytes of one part's headers that we look at."""

MOST_PREAMBLE = 64 << 10
"""Bytes before the first part that we pass over."""

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+\-]+/[a-z0-9!#$&^_.+\-]+)\s*(?:;|$)", re.IGNORECASE)
_PARAMETER = re.compile(
    r';\s*([a-z0-9\-]+)\s*=\s*(?:"((?:[^"\\]|\\.){0,200})"|([^\s;"]{0,200}))', re.IGNORECASE
)
_MOST_TYPE = 1_000  # characters of a media type

_PREAMBLE, _EDGE, _HEAD, _BODY, _END = range(5)


class Malformed(Exception):
    """A body is no multipart body, or ends before its end. The message is ours."""


def parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """Split a Content-Type into media type and parameters, both with lower-case names.

    What cannot be read is an empty type.
    """
    found = _TYPE.match(text[:_MOST_TYPE])
    if found is None:
        return "", {}
    parameters = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
        for name, quoted, plain in _PARAMETER.findall(text[found.end(1) : _MOST_TYPE])
    }
    return found[1].lower(), parameters


def parse_boundary(text: str) -> bytes:
    """Check a boundary parameter.

    Raises
    ------
    Malformed
        When there is none that may be one.
    """
    if _BOUNDARY.fullmatch(text) is None:
        raise Malformed("its parts have no boundary")
    return text.encode("ascii")


def read_parts(chunks: Iterable[bytes], boundary: bytes) -> Iterator[bytes | None]:
    """Go through the contents of the parts of a body.

    Parameters
    ----------
    chunks : iterable of bytes
        The body as it arrives, in pieces of any size.

    Yields
    ------
    bytes or None
        The next bytes of the part that is being read; None at the end of each part. The
        headers of parts are passed over: what an object is, it says itself.

    Raises
    ------
    Malformed
        When the body does not begin, go on or end as its boundary demands. What was yielded
        of a part whose None did not come is not whole.
    """
    reader = _Reader(boundary)
    for chunk in chunks:
        yield from reader.feed(chunk)
        if reader.is_over:
            return  # what follows the last part is nobody's
    raise Malformed("it broke off before its last part ended")


class _Reader:
    """Where in a body we are, and what of it is not yet understood."""

    def __init__(self, boundary: bytes) -> None:
        self._edge = b"\r\n--" + boundary
        self._state = self._was = _PREAMBLE
        self._passed = 0
        self._kept = bytearray(b"\r\n")  # the first boundary needs no line before it

    @property
    def is_over(self) -> bool:
        return self._state == _END

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        """Take the next bytes."""
        self._kept += chunk
        steps = {_PREAMBLE: self._body, _EDGE: self._behind, _HEAD: self._head, _BODY: self._body}
        while self._state != _END:
            before = self._state, len(self._kept)
            yield from steps[self._state]()
            if (self._state, len(self._kept)) == before:
                return

    def _body(self) -> Iterator[bytes | None]:
        """Give what stands before the next boundary, or cannot be one's beginning."""
        at = self._kept.find(self._edge)
        end = at if at >= 0 else max(0, len(self._kept) - len(self._edge) + 1)
        yield from self._give(end)
        if at >= 0:
            self._was, self._state = self._state, _EDGE

    def _give(self, end: int) -> Iterator[bytes]:
        if not end:
            return
        data = bytes(self._kept[:end])
        del self._kept[:end]
        if self._state == _BODY:
            yield data
            return
        self._passed += end
        if self._passed > MOST_PREAMBLE:
            raise Malformed("its first part does not begin")

    def _behind(self) -> Iterator[bytes | None]:
        """See whether what looks like a boundary is one: RFC 2046 lets blanks follow it."""
        size = len(self._edge)
        rest = bytes(self._kept[size : size + 256])
        if rest.startswith(b"--"):
            if self._was == _BODY:
                yield None
            self._state = _END
            return
        line = rest.lstrip(b" \t")
        if len(line) < 2 and len(rest) < 256 and line in (b"", b"\r", b"-"):
            return  # more must come
        if line.startswith(b"\r\n"):
            if self._was == _BODY:
                yield None
            del self._kept[: size + len(rest) - len(line)]  # the line's end begins the head
            self._state = _HEAD
            return
        self._state = self._was
        yield from self._give(size)

    def _head(self) -> Iterator[bytes | None]:
        """Pass over a part's headers, up to the empty line."""
        at = self._kept.find(b"\r\n\r\n", 0, MOST_HEAD)
        if at >= 0:
            # The line's end before the content stays out; one before a boundary belongs to it.
            del self._kept[: at + 4]
            self._state = _BODY
        elif len(self._kept) >= MOST_HEAD:
            raise Malformed("the head of a part does not end")
        yield from ()
