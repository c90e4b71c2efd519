"""Keys that never leave their token: PKCS#11, addressed by the URIs of RFC 7512.

Needs the extra ``pkcs11``. The certificate may be on the token, too; it is read without a PIN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11.exceptions import PinIncorrect, PinInvalid, PinLenRange, PinLocked, PKCS11Error

from rolehop.aws.x509 import (
    CertificateIdentity,
    WrongPassphrase,
    certificate_from_der,
    intermediates,
    kind_of,
)
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SourceError
from rolehop.base.files import endless

DEFAULT_MODULE = "p11-kit-proxy.so"
"""p11-kit's own module offers all tokens of the system."""

_PATH = frozenset(
    {"token", "manufacturer", "serial", "model", "object", "id", "type", "slot-id"}
    | {"library-manufacturer", "library-description", "library-version"}
    | {"slot-manufacturer", "slot-description"}
)


@dataclass(frozen=True, slots=True)
class Uri:
    """The parts of a ``pkcs11:`` URI that choose a token and an object."""

    token: str | None = None
    serial: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    slot: int | None = None
    label: str | None = None
    id: bytes | None = None
    module: str = DEFAULT_MODULE


def parse_uri(text: str) -> Uri:
    """Read an RFC 7512 URI.

    Raises:
        ValueError: it is not one, or contains a PIN.
    """
    scheme, _, rest = text.partition(":")
    if scheme.lower() != "pkcs11":
        raise ValueError("a PKCS#11 URI begins with pkcs11:")
    path, _, query = rest.partition("?")
    raw = dict(_pairs(path, ";"))
    options = dict(_pairs(query, "&"))
    if "pin-value" in options or "pin-source" in options:
        raise ValueError("a PIN does not belong in a config; passphrase_command supplies it")
    unknown = sorted(raw.keys() - _PATH)
    if unknown:
        raise ValueError(f"a PKCS#11 URI has no attribute {unknown[0]!r}")
    plain = {name: unquote(value) for name, value in raw.items()}
    slot = plain.get("slot-id")
    if slot is not None and not (slot.isdecimal() and len(slot) < 20):
        raise ValueError("slot-id must be a number")
    return Uri(
        token=plain.get("token"),
        serial=plain.get("serial"),
        manufacturer=plain.get("manufacturer"),
        model=plain.get("model"),
        slot=int(slot) if slot else None,
        label=plain.get("object"),
        id=unquote_to_bytes(raw["id"]) if "id" in raw else None,
        module=unquote(options.get("module-path") or options.get("module-name") or DEFAULT_MODULE),
    )


def certificate_on_token(uri: Uri) -> x509.Certificate:
    """Return the certificate that is next to the key.

    Raises:
        SourceError: no module, token or certificate matches the URI, or more than one.
    """
    with _session(uri, None) as session:
        found = _objects(session, pkcs11.ObjectClass.CERTIFICATE, uri)
        value = bytes(_only(found, "certificate", uri)[pkcs11.Attribute.VALUE])
    return certificate_from_der(value, "the token")


def from_token(
    uri: Uri,
    leaf: x509.Certificate,
    more: list[x509.Certificate],
    ask: Callable[[str], Secret],
) -> CertificateIdentity:
    """Return the identity whose token signs; the PIN is asked for now.

    Raises:
        SourceError: as for `certificate_on_token`, or the PIN is wrong.
    """
    kind = kind_of(leaf)
    pin = ask(f"token {uri.token or 'with the key'}")

    def sign(text: bytes) -> bytes:
        with _session(uri, pin) as session:
            key = _only(_objects(session, pkcs11.ObjectClass.PRIVATE_KEY, uri), "private key", uri)
            if kind == "RSA":
                return bytes(key.sign(text, mechanism=pkcs11.Mechanism.SHA256_RSA_PKCS))
            # All tokens have plain ECDSA, and few the mechanism that hashes, too.
            raw = bytes(key.sign(sha256(text).digest(), mechanism=pkcs11.Mechanism.ECDSA))
            half = len(raw) // 2
            return encode_dss_signature(
                int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
            )

    return CertificateIdentity(leaf, intermediates(leaf, more), kind, sign)


@contextmanager
def _session(uri: Uri, pin: Secret | None) -> Iterator[Any]:
    try:
        with _token(uri).open(user_pin=pin.reveal() if pin else None) as session:
            yield session
    except (PinIncorrect, PinInvalid, PinLenRange):
        raise WrongPassphrase(
            "the token did not sign",
            cause="the PIN is wrong",
            fix="every wrong attempt counts: check it first",
        ) from None
    except PinLocked:
        raise _failed("the PIN is locked", "unlock it with the token's own tool") from None
    except PKCS11Error as error:
        # The library's messages may contain anything; its names are safe.
        said = "".join(f" {c.lower()}" if c.isupper() else c for c in type(error).__name__)
        raise _failed(f"the module says:{said}", "check the token") from None


def _token(uri: Uri) -> Any:
    wanted = {
        "label": uri.token,
        "serial": uri.serial.encode() if uri.serial else None,
        "manufacturer_id": uri.manufacturer,
        "model": uri.model,
    }
    found = []
    for slot in _slots(uri):
        if uri.slot is not None and slot.slot_id != uri.slot:
            continue
        token = slot.get_token()
        if all(
            value is None or _plain(getattr(token, name)) == _plain(value)
            for name, value in wanted.items()
        ):
            found.append(token)
    return _only(found, "token", uri)


def _slots(uri: Uri) -> list[Any]:
    cause = endless(uri.module)
    try:
        if cause is None:
            return list(pkcs11.lib(uri.module).get_slots(token_present=True))
    except (PKCS11Error, RuntimeError, OSError):
        pass
    raise SourceError(
        f"the PKCS#11 module {uri.module} cannot be loaded",
        cause=cause or "it is missing, or is not a PKCS#11 module",
        fix="name the token's module in the URI: pkcs11:token=…?module-path=/path/module.so",
    ) from None


def _plain(value: object) -> str:
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value)


def _objects(session: Any, kind: object, uri: Uri) -> list[Any]:
    wanted: dict[object, object] = {pkcs11.Attribute.CLASS: kind}
    if uri.label is not None:
        wanted[pkcs11.Attribute.LABEL] = uri.label
    if uri.id is not None:
        wanted[pkcs11.Attribute.ID] = uri.id
    return list(session.get_objects(wanted))


def _only(found: list[Any], what: str, uri: Uri) -> Any:
    if len(found) == 1:
        return found[0]
    named = [f"token={uri.token}" if uri.token else "", f"object={uri.label}" if uri.label else ""]
    wanted = ";".join(part for part in named if part) or "the URI"
    raise SourceError(
        f"no {what} matches {wanted}" if not found else f"{len(found)} {what}s match {wanted}",
        cause=f"searched through {uri.module}",
        fix="correct token, object or id in the URI; p11tool --list-all shows what is there"
        if not found
        else "add object or id to the URI",
    )


def _failed(cause: str, fix: str) -> SourceError:
    return SourceError("the token did not sign", cause=cause, fix=fix)


def _pairs(text: str, separator: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, text.split(separator)):
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is not attribute=value")
        yield name, value
