"""What a receiver takes in over TLS: mammograms of 30 MB, both sides with certificates.

Debian's DCMTK ends at TLS 1.2; ours is called with 1.3. The cipher is the same for both,
AES-256 in GCM, so that what is compared is how each reads.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.data import LARGE, SMALL, mammograms
from benchmarks.measure import OURS, Benchmark, Contest, Place
from benchmarks.receive_large import Receivers
from pacs_bridge.services.certificates import CA, issue, make_authority, trust
from pacs_bridge.upper_layer.credentials import AUTHORITIES, KEY, NODE

_CASES = 2
_CIPHER = "ECDHE-ECDSA-AES256-GCM-SHA384"
_DCMTK_CIPHER = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"


def make_certificates(folder: Path) -> Path:
    """Make an authority and one certificate for everybody; gives a folder as the node has it."""
    now, authority, tls = datetime.now(UTC), folder / "ca", folder / "tls"
    make_authority(authority, now=now)
    issue(authority, "node", into=tls, now=now, hosts=("127.0.0.1",))
    trust(authority / f"{CA}.pem", tls / AUTHORITIES)
    return tls


def caller_context(tls: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Make what the caller calls with: one version, one cipher."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(_CIPHER)  # of 1.3, OpenSSL offers AES-256 in GCM first
    context.load_cert_chain(tls / NODE, tls / KEY)
    context.load_verify_locations(tls / AUTHORITIES)
    return context


@contextmanager
def _open(place: Place) -> Iterator[Contest]:
    size = SMALL if place.tiny else LARGE
    images = list(mammograms(_CASES, size))
    tls = make_certificates(place.folder)
    new = caller_context(tls, ssl.TLSVersion.TLSv1_3)
    old = caller_context(tls, ssl.TLSVersion.TLSv1_2)
    words = ("+tls", str(tls / KEY), str(tls / NODE), "+cf", str(tls / AUTHORITIES))
    with Receivers(place.folder) as receivers:
        ours = receivers.bare(tls, new)
        peer = receivers.storescp(*words, "+cs", _DCMTK_CIPHER, tls=old)
        yield Contest(
            "MB/s",
            ours.taking(images),
            {"storescp +tls": peer.taking(images)},
            bars={"storescp +tls": 1.0},
            pids={OURS: ours.pid, "storescp +tls": peer.pid},
        )


TLS = Benchmark(
    "receive-tls",
    "mammograms of 30 MB over TLS 1.3, our upper layer alone, written as storescp's are",
    (("storescp", "dcmtk"),),
    _open,
)
