"""Certificates made here: what they say, whom they are kept from, and what is refused."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.services.certificates import (
    issue,
    keep_certificate,
    list_certificates,
    make_authority,
    read_certificate,
    trust,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    make_authority(tmp_path / "ca", now=NOW)
    return tmp_path / "ca"


def loaded(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_an_issued_certificate_serves_both_ends_of_its_own_places_alone(ca: Path) -> None:
    made = issue(ca, "hospital", into=ca, now=NOW, hosts=("pacs.example", "10.0.0.7"))
    certificate, authority = loaded(ca / "hospital.pem"), loaded(ca / "ca.pem")
    certificate.verify_directly_issued_by(authority)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    extensions = certificate.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["pacs.example"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]
    ends = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert ends == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert read_certificate(ca / "hospital.pem") == made


def test_keys_are_for_their_owner_alone(ca: Path) -> None:
    issue(ca, "hospital", into=ca / "deep" / "er", now=NOW)
    keys = sorted(ca.rglob("*.key"))
    assert [path.name for path in keys] == ["ca.key", "hospital.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    assert not list(ca.rglob("*.part"))


def test_nothing_outlives_its_authority(ca: Path) -> None:
    late = NOW + timedelta(days=3600)
    made = issue(ca, "hospital", into=ca, now=late)
    assert made.expires == loaded(ca / "ca.pem").not_valid_after_utc
    with pytest.raises(RefusedInput, match="has expired"):
        issue(ca, "hospital", into=ca, now=NOW + timedelta(days=3651))


@pytest.mark.parametrize(("days", "soon"), [(29, True), (31, False)])
def test_who_expires_within_a_month_is_told(ca: Path, days: int, *, soon: bool) -> None:
    made = issue(ca, "hospital", into=ca, now=NOW, days=days)
    assert made.expires_soon(NOW) is soon
    assert made.days_left(NOW) == days
    assert made.days_left(NOW + timedelta(days=days + 2)) == -2


def test_an_authority_is_trusted_once_however_often_it_is_added(ca: Path) -> None:
    bundle = ca / "tls" / "authorities.pem"
    for _ in range(2):
        trust(ca / "ca.pem", bundle)
    make_authority(ca / "second", now=NOW)
    trust(ca / "second" / "ca.pem", bundle)
    assert len(list_certificates(bundle.parent)) == 2


def test_the_certificate_of_a_pacs_is_kept_and_taken_away(ca: Path) -> None:
    made = issue(ca, "hospital", into=ca, now=NOW)
    folder = ca / "tls" / "pacs"
    keep_certificate(folder, "hospital", made)
    (folder / "broken.pem").write_bytes(b"none")
    broken, kept = list_certificates(folder.parent)
    assert (kept.name, kept.certificate) == ("pacs/hospital", made)
    assert (broken.name, broken.certificate) == ("pacs/broken", None)
    for _ in range(2):
        keep_certificate(folder, "hospital", None)
    assert len(list_certificates(folder)) == 1


def test_what_cannot_be_issued_is_refused_in_one_sentence(ca: Path) -> None:
    with pytest.raises(RefusedInput, match="There is an authority"):
        make_authority(ca, now=NOW)
    with pytest.raises(RefusedInput, match="no certificate"):
        issue(ca / "nowhere", "hospital", into=ca, now=NOW)
    for name in ("../x", "a b", ""):
        with pytest.raises(RefusedInput, match="lower-case"):
            issue(ca, name, into=ca, now=NOW)
    with pytest.raises(RefusedInput, match="authority's own"):
        issue(ca, "ca", into=ca, now=NOW)
    with pytest.raises(RefusedInput, match="no host"):
        issue(ca, "hospital", into=ca, now=NOW, hosts=("a b",))
    with pytest.raises(RefusedInput, match="how many"):
        issue(ca, "hospital", into=ca, now=NOW, days=0)
    with pytest.raises(RefusedInput, match="no certificate"):
        read_certificate(ca / "ca.key")


def test_the_key_of_another_authority_signs_nothing(ca: Path) -> None:
    make_authority(ca / "other", now=NOW)
    (ca / "ca.key").write_bytes((ca / "other" / "ca.key").read_bytes())
    with pytest.raises(RefusedInput, match="not of one authority"):
        issue(ca, "hospital", into=ca, now=NOW)
    (ca / "ca.key").unlink()
    with pytest.raises(RefusedInput, match="no key"):
        issue(ca, "hospital", into=ca, now=NOW)
