"""How quickly files become a case set, against a de-identifier of files.

Ours reads and judges every file twice, de-identifies by an allow-list, looks for what is left,
hashes pixels and file, and has each object synced in the archive before the set appears.
gdcmanon applies the basic profile of PS3.15 and writes files, without a sync. Neither touches
the pixels. No free tool does all that ours does; this is the one whose work is nearest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.data import LARGE, SMALL, WHEN, mammograms
from benchmarks.measure import Benchmark, Contest, Place, Side
from benchmarks.programs import program, seconds_of
from benchmarks.wire import CallFailed
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.services.case_sets import import_case_set
from pacs_bridge.wiring.home import make_home
from pacs_bridge.wiring.installation import Installation


@contextmanager
def _open(place: Place) -> Iterator[Contest]:
    images = place.folder / "images"
    images.mkdir()
    files = [each.save(images).path for each in mammograms(1, SMALL if place.tiny else LARGE)]
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    certificate = _certificate(place.folder / "certificate.pem")
    yield Contest(
        unit="MB/s",
        ours=_ours(make_home(place.folder / "home"), images, megabytes),
        peers={"gdcmanon": _gdcmanon(images, place.folder, certificate, megabytes, len(files))},
    )


def _ours(installation: Installation, images: Path, megabytes: float) -> Side:
    """Import the images under a new prefix each round: the same one again would be known."""
    secret = installation.config.secret

    def side(number: int) -> float:
        started = time.perf_counter()
        import_case_set(
            images,
            SetName(10 + number // 9, 1 + number % 9),
            begin=installation.begin,
            archive=installation.archive,
            key_uid=secret("uid_hmac"),
            key_passport=secret("passport_ed25519"),
            now=installation.now,
            partial=True,
        )
        return megabytes / (time.perf_counter() - started)

    return side


def _gdcmanon(images: Path, folder: Path, certificate: Path, megabytes: float, count: int) -> Side:
    def side(number: int) -> float:
        written = folder / f"gdcmanon-{number}"
        seconds = seconds_of(
            program("gdcmanon"), "-e", "-r", "-c", str(certificate), str(images), str(written)
        )
        if len(list(written.iterdir())) != count:
            raise CallFailed("gdcmanon did not write every file")
        return megabytes / seconds

    return side


def _certificate(path: Path) -> Path:
    """Make the certificate under which gdcmanon hides the original values."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(WHEN)
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


IMPORT = Benchmark(
    "import",
    "mammograms of 30 MB made a case set; ours checked, hashed and synced, gdcmanon's written",
    (("gdcmanon", "libgdcm-tools"),),
    _open,
)
