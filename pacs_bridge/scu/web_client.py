"""HTTP towards a PACS with DICOMweb: one conversation, bounded in time and size.

No redirect is followed and no proxy of the environment used, so that what we show reaches the
registered host alone. Addresses in answers are never asked.

References
----------
PS3.18 sections 8.5 to 8.7; RFC 9110 section 15 (status codes).
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

import httpx

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.scu.web_parts import parse_media_type
from pacs_bridge.upper_layer.connect import reason_of
from pacs_bridge.upper_layer.web_access import folder_of, read_access

MOST_ANSWER = 16 << 20
"""Bytes of an answer in JSON that we read."""

_PACKED = ("", "identity", "gzip", "deflate")  # one of them: layers upon layers are a bomb
_NO_SERVICE = (404, 405, 410, 501)
_BUSY = (408, 429, 502, 503, 504)


class Answer:
    """An HTTP answer whose body is still to come.

    Attributes
    ----------
    status : int
        Of HTTP.
    media_type : str
        Lower-case, without parameters; those are in `parameters`.
    """

    def __init__(self, talk: Conversation, response: httpx.Response, until: float) -> None:
        self._talk, self._response, self._until = talk, response, until
        self.status = response.status_code
        told = response.headers.get("Content-Type", "")
        self.media_type, self.parameters = parse_media_type(told)
        self.warning = response.headers.get("Warning", "")[:200]

    @property
    def is_json(self) -> bool:
        """Whether the body calls itself JSON; Orthanc's 409 says nothing and is."""
        return self.media_type in ("application/dicom+json", "application/json", "")

    def chunks(self) -> Iterator[bytes]:
        """Give the body as it arrives; raises `PeerUnavailable` where it stops short."""
        with self._talk.in_words("answer"):
            for chunk in self._response.iter_bytes(64 << 10):
                if time.monotonic() > self._until:
                    raise TimeoutError
                yield chunk

    def body(self, most: int = MOST_ANSWER) -> bytes:
        """Read all of the body; raises `PeerUnavailable` where there is more than `most`."""
        content = bytearray()
        for chunk in self.chunks():
            content += chunk
            if len(content) > most:
                self._talk.fail("answer", "its answer is longer than any to this question")
        return bytes(content)

    def refuse_strangers(self) -> None:
        """Make sure that a DICOMweb service answers, and it us.

        Raises
        ------
        PeerUnavailable
            In the phase association where it does not, else for what will pass by itself.
        """
        status, fail = self.status, self._talk.fail
        if status in (401, 403, 407):
            fail("association", f"it does not know our credentials (HTTP {status})")
        if 300 <= status < 400:
            detail = "it sends us on to another address; register the address that answers itself"
            fail("association", f"{detail} (HTTP {status})")
        if self.media_type in ("text/html", "application/xhtml+xml") and status < 400:
            detail = "a page for people answers there, a log-in perhaps, and no DICOMweb service"
            fail("association", detail)
        if status in _BUSY:
            fail("answer", f"it, or a proxy before it, is too busy (HTTP {status})")
        if status >= 500 and status not in (501, 507):
            fail("answer", f"it failed inside (HTTP {status})")
        if status < 200:
            fail("answer", "it gave no answer that is one")

    def refuse_no_service(self) -> None:
        """Take a "not found" for what it is where something must be found.

        Raises
        ------
        PeerUnavailable
            In the phase association.
        """
        if self.status in _NO_SERVICE:
            detail = "there is no DICOMweb service at this address"
            self._talk.fail("association", f"{detail} (HTTP {self.status})")


class Conversation:
    """Requests to one endpoint of a PACS, over one connection as long as that lasts.

    A context manager; not for several threads.

    Parameters
    ----------
    folder : Path
        Of what we show to PACS, see `upper_layer.web_access`.

    Raises
    ------
    PeerUnavailable
        When its files cannot be used.
    """

    def __init__(self, pacs: Pacs, endpoint: Endpoint, folder: Path) -> None:
        self.pacs = pacs.towards(endpoint)
        self._url, limits = endpoint.url, self.pacs.timeouts
        if self._url.startswith("http:") and not self.pacs.plain:
            self.fail(
                "TLS", "it is not registered for unencrypted HTTP; register its https address"
            )
        access = read_access(folder_of(folder, pacs.name), pacs.name, self._url)
        self._sent, self._sockets = 0, list[socket.socket]()
        self._client = httpx.Client(
            verify=access.context,
            headers={"Accept-Encoding": "identity", "User-Agent": "pacs_bridge", **access.headers},
            timeout=httpx.Timeout(
                limits["network"], connect=limits["connect"], read=limits["dimse"]
            ),
            limits=httpx.Limits(max_connections=1),
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def fail(self, phase: str, detail: str) -> NoReturn:
        """Raise `PeerUnavailable` of this PACS."""
        raise PeerUnavailable(self.pacs.name, phase, detail)

    @contextmanager
    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        content: Iterable[bytes] | None = None,
        seconds: float | None = None,
    ) -> Iterator[Answer]:
        """Send one request; inside, its answer can be read.

        Parameters
        ----------
        path : str
            Below the service's address, of UIDs and words of ours.
        seconds : float, optional
            Until the whole answer has been read; else the time-out for answers.

        Raises
        ------
        PeerUnavailable
            Naming the phase.
        """
        patience = self.pacs.timeouts["dimse"] if seconds is None else seconds
        # A wildcard and the comma of a list go out as they are (RFC 3986 2.2): Orthanc's plugin
        # takes an encoded asterisk for a character of the value.
        asked = urlencode(tuple(query), safe="*,", quote_via=quote)
        request = self._client.build_request(
            method,
            self._url + path + (f"?{asked}" if asked else ""),
            headers=dict(headers or {}),
            content=content,
            extensions={"trace": self._trace},
        )
        self._phase = "connect"
        with self._watched(patience), self.in_words("answer"):
            response = self._client.send(request, stream=True)
        try:
            if response.headers.get("Content-Encoding", "").strip().lower() not in _PACKED:
                self.fail("answer", "it packed its answer in a way that was not asked for")
            with self._watched(patience):
                yield Answer(self, response, time.monotonic() + patience)
        finally:
            response.close()

    @contextmanager
    def in_words(self, phase: str) -> Iterator[None]:
        """Put what goes wrong with the connection into words.

        Parameters
        ----------
        phase : str
            That of a failure after the connection stood.
        """
        try:
            yield
        except (httpx.TimeoutException, TimeoutError) as error:
            self._fail_in_time(error)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            if self._expired:
                self._fail_in_time(error)
            self._fail_broken(error, phase)

    def _fail_in_time(self, error: Exception) -> NoReturn:
        phase, detail = "answer", "it gave no answer in time"
        if isinstance(error, httpx.ConnectTimeout):
            phase = "TLS" if self._phase == "TLS" else "connect"
            detail = "no answer in time"
        elif isinstance(error, httpx.WriteTimeout):
            phase, detail = "data", "it stopped reading"
        raise PeerUnavailable(self.pacs.name, phase, detail) from error

    def _fail_broken(self, error: Exception, phase: str) -> NoReturn:
        cause = _cause(error)
        detail = "it broke off"
        if isinstance(cause, socket.gaierror):
            phase, detail = "name", "its host name is not known here"
        elif isinstance(cause, ssl.SSLCertVerificationError):
            phase = "TLS"
            detail = "its certificate is not one that we trust for this host; give its authority"
        elif isinstance(cause, ssl.SSLError):
            phase, detail = "TLS", _words_of_tls(cause)
        elif isinstance(error, httpx.ConnectError):
            phase = self._phase
            known = cause if isinstance(cause, OSError) else None
            detail = reason_of(known) if phase == "connect" else "it broke off; does it speak TLS?"
        elif isinstance(error, httpx.WriteError):
            phase = "data"
        elif isinstance(error, httpx.RemoteProtocolError):
            detail = "it broke off, or speaks no HTTP"
        raise PeerUnavailable(self.pacs.name, phase, detail) from error

    # Time

    _expired = False
    _phase = "connect"

    @contextmanager
    def _watched(self, seconds: float) -> Iterator[None]:
        """End the connection when time is over: one byte at a time would go on for ever."""
        self._expired = False
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        self._expired = True
        for each in self._sockets:
            try:
                # Not the method of an SSLSocket, which takes it from under who reads.
                socket.socket.shutdown(each, socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended already

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Follow how far the connection has come, and remember its socket."""
        if event == "connection.connect_tcp.started":
            self._phase, self._sockets = "connect", []
        if event == "connection.start_tls.started":
            self._phase = "TLS"
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            stream = info["return_value"]
            self._sockets.append(stream.get_extra_info("socket"))
            if self._expired:  # time was over before there was anything to end
                self._cut()


def _cause(error: BaseException) -> BaseException:
    """Find what the system said, behind what libraries made of it."""
    seen = 0
    while seen < 10:
        behind = error.__cause__ or error.__context__
        if behind is None:
            break
        error, seen = behind, seen + 1
        if isinstance(error, ssl.SSLError | socket.gaierror):
            break
    return error


def _words_of_tls(error: ssl.SSLError) -> str:
    reason = str(error.reason or "")
    if "CERTIFICATE" in reason and "ALERT" in reason:
        return "it does not take our certificate; give the one that it knows"
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return "it speaks no TLS at this port; check the address"
    return "the encrypted connection broke off"
