"""The key and certificate that content credentials are signed with: made here, or an authority's.

A certificate made here proves that a file has not changed since findmake signed it, not whose findmake that
was: readers of credentials show its signer as unknown. Its profile is that of C2PA 2.2, section 14.5.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import BadCredential, CredentialsUnavailable

OWN_FILE = "credential.pem"
_YEARS = 10
_ISSUER = "findmake, made on this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a manifest is signed with.

    Attributes:
        certificates: PEM, the signer's own first, each followed by that of its issuer.
        key: PEM of the signer's private key, not encrypted.
        algorithm: C2PA's name of the signature algorithm that fits the key.
    """

    certificates: bytes
    key: bytes = field(repr=False)
    algorithm: str


def own_credential(folder: Path) -> Credential:
    """Give the credential that was made for this folder, or make one that only its owner can read.

    Args:
        folder: where it is kept, as ``credential.pem``; made if it is not there.

    Returns:
        The same credential each time.

    Raises:
        CredentialsUnavailable: the extra is not installed.
        BadCredential: the file there is not one, or it cannot be written.
    """
    path = folder / OWN_FILE
    if not path.exists():
        made = make_credential(at=datetime.now(UTC))
        try:
            _write(path, made.key + made.certificates)
        except OSError as error:
            raise BadCredential(str(path), error.strerror or str(error)) from error
    return load_credential(path, path)


def load_credential(certificates: Path, key: Path) -> Credential:
    """Read a credential that an authority or ``own_credential`` made.

    Args:
        certificates: PEM file, the signer's own certificate first.
        key: PEM file with the private key, not encrypted; may be the same file.

    Raises:
        CredentialsUnavailable: the extra is not installed.
        BadCredential: a file cannot be read, or they do not belong together.
    """
    x509, _, serialization, _ = _cryptography()
    told = {}
    for path in (certificates, key):
        try:
            told[path] = path.read_bytes()
        except OSError as error:
            raise BadCredential(str(path), error.strerror or str(error)) from error
    try:
        chain = x509.load_pem_x509_certificates(told[certificates])
    except ValueError as error:
        raise BadCredential(str(certificates), "it holds no certificate in PEM form") from error
    try:
        private = serialization.load_pem_private_key(told[key], password=None)
    except (ValueError, TypeError) as error:  # TypeError: it is encrypted
        raise BadCredential(str(key), "it holds no private key in PEM form without a password") from error
    if chain[0].public_key() != private.public_key():
        raise BadCredential(str(key), f"it does not belong to the first certificate in {certificates}")
    return _credential(chain, private, str(key))


def make_credential(*, at: datetime) -> Credential:
    """Make a key and a certificate, issued by an authority of its own whose key is thrown away.

    Args:
        at: now, UTC. It holds from the day before, for ten years.

    Raises:
        CredentialsUnavailable: the extra is not installed.
    """
    ec = _cryptography().ec
    authority, private = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate(_ISSUER, authority, authority, at=at)
    own = _certificate("findmake", private, authority, at=at)
    return _credential([own, root], private, OWN_FILE)


def _certificate(name: str, private: Any, authority: Any, *, at: datetime) -> Any:
    """Make a certificate as C2PA's profile wants it: the authority's own, or one that it issues."""
    x509, hashes, _, _ = _cryptography()
    root = private is authority
    usages = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    ) | dict.fromkeys(("encipher_only", "decipher_only"), False)
    usages |= {"digital_signature": not root, "key_cert_sign": root, "crl_sign": root}
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(_ISSUER))
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=root, path_length=0 if root else None), critical=True)
        .add_extension(x509.KeyUsage(**usages), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
    )
    if not root:
        signs = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        builder = builder.add_extension(signs, critical=False).add_extension(issuer, critical=False)
    return builder.sign(authority, hashes.SHA256())


def _named(name: str) -> Any:
    x509 = _cryptography().x509
    names = ((x509.oid.NameOID.ORGANIZATION_NAME, "findmake"), (x509.oid.NameOID.COMMON_NAME, name))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in names])


def _credential(chain: list[Any], private: Any, where: str) -> Credential:
    serialization = _cryptography().serialization
    pem = serialization.Encoding.PEM
    return Credential(
        certificates=b"".join(certificate.public_bytes(pem) for certificate in chain),
        key=private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        algorithm=_algorithm(private, where),
    )


def _algorithm(private: Any, where: str) -> str:
    curve = getattr(getattr(private, "curve", None), "name", None)
    kind = type(private).__name__
    names = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    if curve in names:
        return names[curve]
    if "RSA" in kind:
        return "ps256"
    if "Ed25519" in kind:
        return "ed25519"
    raise BadCredential(where, "its key is of a kind that C2PA does not sign with")


def _write(path: Path, data: bytes) -> None:
    """Put a secret into a file that nobody else can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


class _Cryptography(NamedTuple):
    x509: Any
    hashes: Any
    serialization: Any
    ec: Any


def _cryptography() -> _Cryptography:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise CredentialsUnavailable from error
    return _Cryptography(x509=x509, hashes=hashes, serialization=serialization, ec=ec)
