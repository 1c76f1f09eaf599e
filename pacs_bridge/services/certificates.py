"""Certificates for TLS: an authority for tests, what it issues, and when anything expires.

Keys are on the curve P-256, in files that only their owner may read.

References
----------
RFC 5280; PS3.15 annex B.12.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import parse_name
from pacs_bridge.services.pacs import parse_host

SOON = timedelta(days=30)
"""Who expires within this is told of."""

AUTHORITY_DAYS, DAYS = 3650, 730
CA = "ca"
"""Name of the files of an authority."""

NODE_HOSTS = ("localhost", "127.0.0.1")
_EARLIER = timedelta(hours=1)  # for a peer whose clock is slow


@dataclass(frozen=True)
class Certificate:
    """What one certificate says.

    Parameters
    ----------
    fingerprint : str
        SHA-256 over its DER form, hexadecimal.
    pem : bytes
        It alone, without a chain.
    """

    subject: str
    begins: datetime
    expires: datetime
    fingerprint: str
    pem: bytes

    def days_left(self, now: datetime) -> int:
        """Whole days until it expires; negative once it has."""
        return (self.expires - now).days

    def expires_soon(self, now: datetime) -> bool:
        """Whether somebody must see to it: within 30 days, or it has expired."""
        return self.expires - now < SOON


@dataclass(frozen=True)
class Listed:
    """One file's certificate; None where the file holds none that can be read."""

    name: str
    certificate: Certificate | None


def make_authority(folder: Path, *, now: datetime) -> Certificate:
    """Make an authority for tests in a folder: ``ca.pem`` and ``ca.key``.

    Raises
    ------
    RefusedInput
        When there is one.
    """
    if (folder / f"{CA}.pem").exists() or (folder / f"{CA}.key").exists():
        raise RefusedInput(f"There is an authority in {folder}; use it or give another folder.")
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("pacs-bridge test authority")
    usage = _usage(key_cert_sign=True, crl_sign=True)
    made = (
        _begin(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return _keep(folder, CA, made, key)


def issue(
    authority: Path,
    name: str,
    *,
    into: Path,
    now: datetime,
    hosts: Sequence[str] = (),
    days: int = DAYS,
) -> Certificate:
    """Issue a certificate with a key of its own, for both ends of TLS.

    Parameters
    ----------
    authority, into : Path
        Folder of ``ca.pem`` and ``ca.key``; folder for ``NAME.pem`` and ``NAME.key``, where
        they replace what is there.
    hosts : sequence of str
        Names and addresses that its holder is called by.
    days : int
        How long it holds; never longer than its authority.

    Raises
    ------
    RefusedInput
        When there is no such authority, or a name, host or number is none.
    """
    name = parse_name(name)
    if name == CA:
        raise RefusedInput("That name is the authority's own; choose another.")
    if not 1 <= days <= AUTHORITY_DAYS:
        raise RefusedInput(f"A certificate holds 1 to {AUTHORITY_DAYS} days; say how many.")
    signer, signing_key = _authority(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    latest = signer.not_valid_after_utc
    if latest <= now:
        raise RefusedInput(f"The authority in {authority} has expired; make a new one.")
    builder = _begin(_name(name), signer.subject, key.public_key(), now, days, latest)
    made = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_BOTH_ENDS), critical=False)
        .add_extension(x509.SubjectAlternativeName(_places(hosts or (name,))), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
        .sign(signing_key, hashes.SHA256())
    )
    return _keep(into, name, made, key)


def trust(authority: Path, bundle: Path) -> None:
    """Add an authority's certificate to those that peers' are checked against, once.

    Raises
    ------
    RefusedInput
        When either file holds something else.
    """
    added = _load(authority)[0]
    known = _load(bundle) if bundle.exists() else []
    if added not in known:
        write_whole(bundle, b"".join(_pem(each) for each in [*known, added]), mode=0o644)


def read_certificate(path: Path) -> Certificate:
    """Read a certificate, PEM or DER; of several in a file the first, its holder's.

    Raises
    ------
    RefusedInput
        When the file cannot be read or holds none.
    """
    return _told(_load(path)[0])


def keep_certificate(folder: Path, name: str, certificate: Certificate | None) -> None:
    """Keep the certificate of a PACS as ``NAME.pem``; None takes away what is kept."""
    path = folder / f"{parse_name(name)}.pem"
    if certificate is not None:
        write_whole(path, certificate.pem, mode=0o644)
    elif path.exists():
        path.unlink()


def list_certificates(folder: Path, *others: Path) -> list[Listed]:
    """List what lies in a folder and in those within: every certificate of every ``*.pem``.

    What lies in others is named with its folder.
    """
    listed = []
    paths = [(path, folder) for path in sorted(folder.rglob("*.pem"))]
    paths += [(path, each.parent) for each in others for path in sorted(each.rglob("*.pem"))]
    for path, above in paths:
        name = path.relative_to(above).with_suffix("").as_posix()
        try:
            found = [_told(each) for each in _load(path)]
        except RefusedInput:
            listed.append(Listed(name, None))
        else:
            listed += [Listed(name, each) for each in found]
    return listed


_BOTH_ENDS = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
    latest: datetime | None = None,
) -> x509.CertificateBuilder:
    ends = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(min(ends, latest) if latest else ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(**wanted: bool) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in every})


def _places(hosts: Iterable[str]) -> list[x509.GeneralName]:
    places: list[x509.GeneralName] = []
    for text in hosts:
        host = parse_host(text)
        try:
            places.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            places.append(x509.DNSName(host))
    return places


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate = _load(folder / f"{CA}.pem")[0]
    try:
        key = serialization.load_pem_private_key((folder / f"{CA}.key").read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise RefusedInput(
            f"There is no key of an authority in {folder}; make one with `pacs-bridge certs "
            "make-ca`."
        ) from error
    fits = isinstance(key, ec.EllipticCurvePrivateKey)
    if not fits or key.public_key() != certificate.public_key():
        raise RefusedInput(f"Certificate and key in {folder} are not of one authority; check them.")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return certificate, key


def _load(path: Path) -> list[x509.Certificate]:
    try:
        raw = path.read_bytes()
        if b"-----BEGIN" in raw:
            return x509.load_pem_x509_certificates(raw)
        return [x509.load_der_x509_certificate(raw)]
    except (OSError, ValueError) as error:
        raise RefusedInput(f"{path.name} is no certificate; give a PEM or DER file.") from error


def _told(certificate: x509.Certificate) -> Certificate:
    return Certificate(
        subject=certificate.subject.rfc4514_string(),
        begins=certificate.not_valid_before_utc,
        expires=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        pem=_pem(certificate),
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _keep(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> Certificate:
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_whole(folder / f"{name}.key", secret, mode=0o600)
    write_whole(folder / f"{name}.pem", _pem(certificate), mode=0o644)
    return _told(certificate)


def write_whole(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file whole or not at all, in the place of what is there."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise RefusedInput(f"{path.name} cannot be written there; give another folder.") from error
