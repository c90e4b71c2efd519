"""A certificate with its private key, from PEM or PKCS#12 files, ready to sign.

Needs the extra ``roles-anywhere``. Messages show neither a key nor what a library says about one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SourceError
from rolehop.base.files import Untrusted, read_deciding

Certificate = x509.Certificate
Kind = Literal["RSA", "ECDSA"]

AskPassphrase = Callable[[str], Secret]
"""Returns the passphrase of the file with the given name; called only if one is needed."""

LONGEST_FILE = 1_000_000  # bytes

MOST_IN_CHAIN = 5
"""CreateSession accepts no more intermediates (IAM Roles Anywhere user guide, X-Amz-X509-Chain)."""

_WARN_DAYS = 30
_DAMAGED_KEY = "the private key is damaged, or of an unknown kind"


class WrongPassphrase(SourceError):
    """The passphrase or PIN does not open the key; whoever supplied it can say what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class CertificateIdentity:
    """The identity that CreateSession sees."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    """Intermediates, without roots."""

    kind: Kind
    sign: Callable[[bytes], bytes]
    """Signs with SHA-256: PKCS #1 v1.5 for RSA, DER-encoded for ECDSA."""


def from_files(
    certificate: Path, private_key: Path, chain: Path | None, ask: AskPassphrase
) -> CertificateIdentity:
    """Read a PEM certificate (the first in its file is the leaf), its key, and intermediates.

    Raises:
        SourceError: a file is missing or of the wrong kind, or they do not belong together.
    """
    leaf, *more = certificates(certificate)
    more += certificates(chain) if chain else []
    key = _private_key(private_key, ask)
    return identity(leaf, more, key, f"{private_key}")


def check_key(leaf: x509.Certificate, private_key: Path) -> None:
    """Check, as far as possible without a passphrase, that a key file belongs to the certificate.

    Raises:
        SourceError: it is missing, is not a key, or belongs to another certificate.
    """
    data = _key_file(private_key)
    try:
        # Only the public key is needed; checking the rest takes 35 ms and is done when it signs.
        key = serialization.load_pem_private_key(data, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        return  # it is encrypted
    except (ValueError, UnsupportedAlgorithm):
        raise _broken(private_key, _DAMAGED_KEY) from None
    identity(leaf, (), key, f"{private_key}")


def from_pkcs12(path: Path, chain: Path | None, ask: AskPassphrase) -> CertificateIdentity:
    """Read certificate, key and intermediates from one PKCS#12 file.

    Raises:
        SourceError: the file is missing or broken, or the passphrase is wrong.
    """
    data = pkcs12_file(path)
    found = _open_pkcs12(data, None)
    if found is None:
        found = _open_pkcs12(data, ask(str(path)))
    if found is None:
        raise _wrong_passphrase(path, "file")
    if found.cert is None or found.key is None:
        raise _broken(path, "it contains no private key with its certificate")
    more = [each.certificate for each in found.additional_certs]
    more += certificates(chain) if chain else []
    return identity(found.cert.certificate, more, found.key, str(path))


def identity(
    leaf: x509.Certificate, more: Sequence[x509.Certificate], key: object, named: str
) -> CertificateIdentity:
    """Join a certificate and the private key from ``named``.

    Raises:
        SourceError: the key belongs to another certificate, or AWS accepts no key of its kind.
    """
    if isinstance(key, rsa.RSAPrivateKey):
        kind: Kind = "RSA"
        sign = _rsa(key)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        kind = "ECDSA"
        sign = _ecdsa(key)
    else:
        raise SourceError(
            f"the private key cannot be used: {named}",
            cause="IAM Roles Anywhere accepts RSA and ECDSA keys, and this is neither",
            fix="get a certificate with an RSA or EC key",
        )
    if key.public_key() != _public_key(leaf):
        raise SourceError(
            f"the private key does not belong to the certificate: {named}",
            cause=f"the certificate of {name_of(leaf)} has another public key",
            fix="name the key that the certificate was requested with",
        )
    return CertificateIdentity(leaf, intermediates(leaf, more), kind, sign)


def intermediates(
    leaf: x509.Certificate, more: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Return ``more`` without the leaf, roots and repetitions.

    Raises:
        SourceError: there are more than AWS accepts.
    """
    chain: list[x509.Certificate] = []
    for each in more:
        if each != leaf and each.issuer != each.subject and each not in chain:
            chain.append(each)
    if len(chain) > MOST_IN_CHAIN:
        raise SourceError(
            f"the certificate chain has {len(chain)} intermediates",
            cause=f"IAM Roles Anywhere accepts {MOST_IN_CHAIN}",
            fix="leave out those that are not between the certificate and the trust anchor",
        )
    return tuple(chain)


def check_validity(leaf: x509.Certificate, now: datetime) -> str | None:
    """Return a warning if the certificate expires soon; ``now`` is aware.

    Soon is 30 days, and for short-lived certificates the last third of their life.

    Raises:
        SourceError: the certificate is not valid yet, or has expired.
    """
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not begins <= now <= ends:
        when = f"expired at {ends:%Y-%m-%dT%H:%M:%SZ}"
        if now < begins:
            when = f"is valid from {begins:%Y-%m-%dT%H:%M:%SZ} on"
        raise SourceError(
            f"the certificate of {name_of(leaf)} {when}",
            cause="IAM Roles Anywhere accepts a certificate only while it is valid",
            fix="get a new certificate" if now > ends else "check this machine's clock",
        )
    left = ends - now
    if left > min(timedelta(days=_WARN_DAYS), (ends - begins) / 3):
        return None
    hours, seconds = divmod(int(left.total_seconds()), 3600)
    shown = (
        f"{left.days} days" if left.days > 1 else f"{hours} h" if hours else f"{seconds // 60} min"
    )
    return f"the certificate of {name_of(leaf)} ends in {shown}: {ends:%Y-%m-%dT%H:%M:%SZ}"


def certificates(path: Path) -> list[x509.Certificate]:
    """Return the certificates in a PEM file, at least one.

    Raises:
        SourceError: the file is missing, or contains none.
    """
    data = read(path)
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise _broken(path, "it contains no PEM certificate")
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise _broken(path, "a certificate in it is damaged") from None


def certificate_from_der(data: bytes, named: str) -> x509.Certificate:
    """Return the certificate in ``data``.

    Raises:
        SourceError: it is not a certificate; ``named`` says where it came from.
    """
    try:
        return x509.load_der_x509_certificate(data)
    except ValueError:
        raise SourceError(
            f"the certificate of {named} cannot be read",
            cause="it is not an X.509 certificate",
            fix="put the key's certificate there in DER, or name one in certificate",
        ) from None


def kind_of(leaf: x509.Certificate) -> Kind:
    """Return the kind of key that signs for ``leaf``.

    Raises:
        SourceError: one that AWS does not accept.
    """
    key = _public_key(leaf)
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECDSA"
    raise SourceError(
        f"the certificate of {name_of(leaf)} cannot be used",
        cause="IAM Roles Anywhere accepts RSA and ECDSA keys, and its key is neither",
        fix="get a certificate with an RSA or EC key",
    )


def _public_key(leaf: x509.Certificate) -> object:
    """Return the certificate's key; ``None`` for one that is damaged, or of an unknown kind."""
    try:
        return leaf.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def name_of(leaf: x509.Certificate) -> str:
    """Return the certificate's subject for messages."""
    return leaf.subject.rfc4514_string() or "nobody"


def attributes(leaf: x509.Certificate) -> dict[str, tuple[str, ...]]:
    """Return the attributes that Roles Anywhere turns into session tags, by the tags' names.

    An empty tuple: the certificate has no such attribute. One that occurs twice is left out, since
    the profile decides which of them counts. Names: Roles Anywhere user guide, "The trust model".
    """
    found: dict[str, tuple[str, ...]] = {}
    for field, name in (("x509Subject", leaf.subject), ("x509Issuer", leaf.issuer)):
        for short, oid in _NAME_PARTS.items():
            values = tuple(str(each.value) for each in name.get_attributes_for_oid(oid))
            found[f"{field}/{short}"] = values
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, *_UNREADABLE):
        names = x509.SubjectAlternativeName([])
    found["x509SAN/DNS"] = tuple(names.get_values_for_type(x509.DNSName))
    found["x509SAN/URI"] = tuple(names.get_values_for_type(x509.UniformResourceIdentifier))
    return {name: values for name, values in found.items() if len(values) < 2}


_UNREADABLE = (
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,  # e.g. an X.400 address among the names
)

_NAME_PARTS = {
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "CN": NameOID.COMMON_NAME,
}


def without_line_end(text: Secret) -> Secret:
    """Return a passphrase that came through a pipe, without its line end."""
    return Secret(text.reveal().rstrip("\r\n"))


def der(certificate: x509.Certificate) -> bytes:
    """Return the certificate in DER."""
    return certificate.public_bytes(serialization.Encoding.DER)


def pkcs12_file(path: Path) -> bytes:
    """Return the bytes of a file that may be PKCS#12, encrypted or not.

    Raises:
        SourceError: it is missing, or certainly not PKCS#12.
    """
    data = read(path)
    if data[:1] != b"\x30":
        raise _broken(path, "it is not a PKCS#12 file")
    return data


def read(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        SourceError: it is missing, cannot be read, is far too long, or others could have put it there.
    """
    try:
        data = read_deciding(path, LONGEST_FILE)
    except FileNotFoundError:
        raise SourceError(
            f"there is no file {path}",
            cause="the source names it in the config",
            fix="correct the path; it is relative to the config file",
        ) from None
    except Untrusted as error:
        raise SourceError(f"{path} is not followed", cause=error.strerror, fix=error.fix) from None
    except OSError as error:
        raise _broken(path, (error.strerror or "it cannot be read").lower()) from None
    if not data:
        raise _broken(path, "it is empty")
    return data


def _key_file(path: Path) -> bytes:
    data = read(path)
    if b"BEGIN TSS2 PRIVATE KEY" in data:
        raise _broken(path, "it is the key of a TPM, which rolehop uses through PKCS#11 only")
    if b"PRIVATE KEY-----" not in data:
        raise _broken(path, "it contains no PEM private key")
    return data


def _private_key(path: Path, ask: AskPassphrase) -> object:
    data = _key_file(path)
    try:
        return serialization.load_pem_private_key(data, password=None)
    except TypeError:
        passphrase = ask(str(path))  # it is encrypted
    except (ValueError, UnsupportedAlgorithm):
        raise _broken(path, _DAMAGED_KEY) from None
    try:
        return serialization.load_pem_private_key(data, password=passphrase.reveal().encode())
    except (ValueError, TypeError):
        raise _wrong_passphrase(path, "key") from None
    except UnsupportedAlgorithm:
        raise _broken(path, "it is encrypted in an unknown way") from None


def wants_passphrase(path: Path, *, pkcs12_file: bool = False) -> bool:
    """True if a key, or a PKCS#12 file, can be opened only with a passphrase.

    Raises:
        SourceError: it is missing, or neither.
    """
    data = read(path) if pkcs12_file else _key_file(path)
    if pkcs12_file:
        return _open_pkcs12(data, None) is None
    try:
        serialization.load_pem_private_key(data, password=None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def _open_pkcs12(data: bytes, passphrase: Secret | None) -> pkcs12.PKCS12KeyAndCertificates | None:
    try:
        return pkcs12.load_pkcs12(data, passphrase.reveal().encode() if passphrase else None)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _rsa(key: rsa.RSAPrivateKey) -> Callable[[bytes], bytes]:
    return lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def _ecdsa(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    return lambda text: key.sign(text, ec.ECDSA(hashes.SHA256()))


def _wrong_passphrase(path: Path, what: str) -> WrongPassphrase:
    return WrongPassphrase(
        f"{path} cannot be opened",
        cause=f"the passphrase is wrong, or the {what} is damaged",
        fix="enter the passphrase that it was encrypted with",
    )


def _broken(path: Path, cause: str) -> SourceError:
    return SourceError(
        f"{path} cannot be used", cause=cause, fix="correct the file, or name another one"
    )
